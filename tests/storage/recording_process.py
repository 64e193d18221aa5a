"""Processes that work on a store until they are killed, and say what was acknowledged.

Run as a script it is a nursery: for each task on its standard input, a line of JSON, it forks a
process that does it, having imported everything already. On standard output come ``pid N``, a
line ``SAGA SEQUENCE`` for each checkpoint that was acknowledged, and ``gone`` at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Literal

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.changes import OwnChanges
from sagaz_core.storage.backends.sqlite import backend as sqlite
from sagaz_core.storage.backends.sqlite import schema as sqlite_schema
from sagaz_core.storage.backends.sqlite.connection import SQLiteConnection

SAGAS = 4
FAR = datetime(2999, 1, 1, tzinfo=UTC)

Point = Literal[
    "before the commit",
    "after the commit",
    "while migrating",
    "while pruning",
    "after pruning",
    "anywhere",
]


@dataclass(frozen=True)
class Task:
    """What a process shall do, and the point at which it kills itself.

    Args:
        nth: at which of the times it comes by that point.
        schema: one more script to bring the store up to date with.
    """

    path: str
    prefix: str
    point: Point
    nth: int = 1
    prune: bool = False
    schema: str = ""


class Nursery:
    """Forks processes that work and are killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def work(self, task: Task, *, kill_after: int | None = None) -> dict[str, int]:
        """Let a process work until it is killed; return the last acknowledged of each saga.

        Args:
            kill_after: kill it from here, after so many checkpoints.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(task)) + "\n")
        self._process.stdin.flush()
        word, pid = self._process.stdout.readline().split()
        assert word == "pid"
        acknowledged: dict[str, int] = {}
        count = 0
        while (line := self._process.stdout.readline().strip()) != "gone -9":
            assert not line.startswith("gone"), "it was never killed"
            saga_id, sequence = line.split()
            acknowledged[saga_id] = int(sequence)
            count += 1
            if count == kill_after:
                os.kill(int(pid), signal.SIGKILL)
        return acknowledged


@contextmanager
def nursery_process() -> Iterator[Nursery]:
    """Start a nursery."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.recording_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


# ---------------------------------------------------------------- in the nursery


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(function: Callable[..., Any], nth: int) -> Callable[..., Any]:
    """Return a function that kills the process when it has been called for the nth time."""
    count = 0

    def note() -> None:
        nonlocal count
        count += 1
        if count == nth:
            _die()

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        note()
        return result

    return call


def _die_after_a_deletion() -> None:
    """Kill this process once a transaction that removes sagas is committed."""
    delete, write = sqlite.delete_saga, SQLiteConnection.write
    deleted = False

    def delete_and_note(db: sqlite3.Connection, saga_id: str, **how: Any) -> int:
        nonlocal deleted
        deleted = True
        return delete(db, saga_id, **how)

    async def write_and_die(self: SQLiteConnection, *args: Any) -> Any:
        result = await write(self, *args)
        if deleted:
            _die()
        return result

    sqlite.delete_saga = delete_and_note
    SQLiteConnection.write = write_and_die  # type: ignore[method-assign]


def _up_to(nth: int) -> Callable[[str], Iterator[str]]:
    """Return what gives a migration's statements one by one and dies before the nth."""
    split = sqlite_schema._statements

    def statements(script: str) -> Iterator[str]:
        for number, statement in enumerate(split(script), 1):
            if number == nth:
                _die()
            yield statement

    return statements


def arm(point: Point, nth: int) -> None:
    """Have this process kill itself at a point."""
    match point:
        case "before the commit":
            sqlite.append_all = dying(sqlite.append_all, nth)
        case "after the commit":
            OwnChanges.tell = dying(OwnChanges.tell, nth)  # type: ignore[method-assign]
        case "while migrating":
            sqlite_schema._statements = _up_to(nth)  # type: ignore[assignment]
        case "while pruning":
            sqlite.delete_saga = dying(sqlite.delete_saga, nth)
        case "after pruning":
            _die_after_a_deletion()
        case "anywhere":
            pass


async def record(path: str, prefix: str) -> None:
    storage = SQLiteSnapshotStorage(path)

    async def one(saga_id: str) -> None:
        items: list[str] = []
        for number in range(1, 10_000):
            items.append(f"item {number} of {saga_id}")
            snapshot = SagaSnapshot(
                saga_id=saga_id,
                saga_name="S",
                context={"n": number, "items": items},
                retention_until=FAR,
            )
            say(f"{saga_id} {await storage.save_snapshot(snapshot)}")

    await asyncio.gather(*(one(f"{prefix}-{number}") for number in range(SAGAS)))


async def prune(path: str) -> None:
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.delete_expired_snapshots(FAR)


def _live(task: Task) -> None:
    say(f"pid {os.getpid()}")
    arm(task.point, task.nth)
    if task.schema:
        scripts = [*sqlite_schema.migrations(), task.schema]
        sqlite_schema.migrations = lambda: scripts
    asyncio.run(prune(task.path) if task.prune else record(task.path, task.prefix))
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live(Task(**json.loads(line)))
        _, status = os.waitpid(child, 0)
        say(f"gone {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
