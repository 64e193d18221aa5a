"""A copy whose process is killed leaves a target from which the next one goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.storage.families import everything, record, replay

SAGAS = 60


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "shop.db"

    async def fill() -> None:
        async with SQLiteSnapshotStorage(path) as storage:
            for start in range(0, SAGAS, 20):
                await asyncio.gather(
                    *(
                        record(storage, f"s{number}", outcome="failed", start=number)
                        for number in range(start, start + 20)
                    )
                )
            for number in range(0, SAGAS, 10):
                await replay(storage, f"s{number}")
            await record(storage, "long", steps=200, size=5000)

    asyncio.run(fill())
    return path


def told(path: Path) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        async with SQLiteSnapshotStorage(path, read_only=True) as store:
            return await everything(store)

    return asyncio.run(read())


def checkpoints(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            (count,) = db.execute("SELECT count(*) FROM entry").fetchone()
            return int(count)
    except sqlite3.OperationalError:
        return 0


def copy_and_kill(
    source: Path, target: Path, after: int, signum: int = signal.SIGKILL
) -> tuple[int, str]:
    """Start a copy and stop it once so many checkpoints are there; returns how it ended."""
    arguments = ["copy", "--from", str(source), "--to", str(target)]
    with subprocess.Popen(
        [sys.executable, "-m", "sagaz_tui", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as copying:
        deadline = time.monotonic() + 30
        while copying.poll() is None and checkpoints(target) < after:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        if copying.poll() is None:
            os.kill(copying.pid, signum)
        _, said = copying.communicate()
    return copying.returncode, said


def go_on(command: Command, source: Path, target: Path) -> None:
    before = checkpoints(target)
    done = command("copy", "--from", str(source), "--to", str(target), "--format", "json")
    assert done.code == 0, done.out
    assert done.json["checkpoints"] == checkpoints(source) - before
    assert told(target) == told(source)


@pytest.mark.parametrize("after", [40, 400])
def test_the_next_copy_goes_on_from_there(
    command: Command, source: Path, tmp_path: Path, after: int
) -> None:
    copy_and_kill(source, tmp_path / "new.db", after)
    go_on(command, source, tmp_path / "new.db")


def test_one_that_is_interrupted_says_how_to_go_on(
    command: Command, source: Path, tmp_path: Path
) -> None:
    # On a busy machine a copy can be done before the signal reaches it.
    for number in range(10):
        target = tmp_path / f"{number}.db"
        code, said = copy_and_kill(source, target, 1, signal.SIGINT)
        if code != 0:
            break
    assert code == 130
    assert said.startswith("sagaz: stopped; the same command goes on from here\n")
    assert "Traceback" not in said
    go_on(command, source, target)


@pytest.mark.torture
@pytest.mark.parametrize("after", range(0, 460, 10))
def test_wherever_it_was_killed(command: Command, source: Path, tmp_path: Path, after: int) -> None:
    copy_and_kill(source, tmp_path / "new.db", after)
    copy_and_kill(source, tmp_path / "new.db", after + 5)
    go_on(command, source, tmp_path / "new.db")
