"""Processes that write to a store, and then hold it open, leave it, or are killed.

Run as a script with a file, one of those words and a number it saves so many checkpoints of the
saga ``s``, and one more for each line of its standard input; on standard output come their
numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage

FIRST = 5

End = Literal["closed", "killed", "idle", "in use"]


class Writer:
    """A process that holds a store open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def save(self) -> int:
        """Have it save one more checkpoint; return its number once it is acknowledged."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def written(path: Path, end: End, first: int = FIRST) -> Iterator[Writer]:
    """Have a process write its first checkpoints, and see that it has ended as it should.

    ``idle`` and ``in use`` hold the store open meanwhile; ``idle`` has only looked at it since
    it was last closed, so that nothing is in its log.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.writing_process", str(path), end, str(first)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(1, first + 1):
            assert int(process.stdout.readline()) == number
        if end in ("idle", "in use"):
            assert process.stdout.readline() == "holds it open\n"
        else:
            assert process.wait(20) == (-signal.SIGKILL if end == "killed" else 0)
        yield Writer(process)
        if end in ("idle", "in use"):
            process.stdin.close()
            assert process.wait(20) == 0


def written_on(path: Path) -> contextlib.AbstractContextManager[Writer]:
    """Have a process hold a store open and write only when asked to."""
    return written(path, "in use", 0)


async def _save(storage: SQLiteSnapshotStorage, number: int) -> None:
    snapshot = SagaSnapshot(
        saga_id="s", saga_name="S", kind="before_step", step_name=f"step_{number}",
        context={"n": number},
    )  # fmt: skip
    print(await storage.save_snapshot(snapshot), flush=True)  # noqa: T201


async def _main(path: str, end: str, first: str) -> None:
    storage = SQLiteSnapshotStorage(path)
    for number in range(1, int(first) + 1):
        await _save(storage, number)
    if end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if end != "in use":
        await storage.close()
    if end == "closed":
        return
    await storage.list_checkpoints("s")
    print("holds it open", flush=True)  # noqa: T201
    number = int(first)
    while await asyncio.to_thread(sys.stdin.readline):
        number += 1
        await _save(storage, number)
    await storage.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
