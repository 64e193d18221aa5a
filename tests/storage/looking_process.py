"""Runs commands of the real program, and questions of the library, one a line, in one process.

Each line of standard input is a JSON list: the arguments of a command. One beginning with
``write`` tries to write to the store; with ``count`` it asks a store that stays open how many
checkpoints a saga has. Each is answered by a line: its exit code, and what it wrote to standard
output and error. ``looking_at`` starts it bound by file permissions.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import typer.main

from sagaz_core.errors import SagazError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.__main__ import run
from tests.bound import bound
from tests.cli.command import Done


class Looker:
    """A process that looks at a store and may not write to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, *arguments: str) -> Done:
        """Run a command; return how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))


@contextlib.contextmanager
def looking_at(path: Path) -> Iterator[Looker]:
    """Start a process for a store."""
    process = subprocess.Popen(
        bound([sys.executable, "-m", "tests.storage.looking_process", str(path)]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Looker(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


async def _write(path: str) -> None:
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))


def _answer(loop: asyncio.AbstractEventLoop, open_store: Any, path: str, words: list[str]) -> int:
    try:
        if words[0] == "write":
            loop.run_until_complete(_write(path))
        elif words[0] == "count":
            print(len(loop.run_until_complete(open_store.list_checkpoints(words[1]))))  # noqa: T201
        else:
            return run([*words, "--storage-url", f"sqlite:///{path}"])
    except SagazError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def main() -> None:
    # Making the command line anew for each takes longer than most of them.
    typer.main.get_command = cache(typer.main.get_command)
    path = sys.argv[1]
    loop = asyncio.new_event_loop()
    open_store = SQLiteSnapshotStorage(path, read_only=True)
    for line in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _answer(loop, open_store, path, json.loads(line))
        sys.stdout.write(json.dumps([code, out.getvalue(), err.getvalue()]) + "\n")
        sys.stdout.flush()
    loop.run_until_complete(open_store.close())
    loop.close()


if __name__ == "__main__":
    main()
