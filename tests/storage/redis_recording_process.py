"""Processes that work on a Redis store until they kill themselves at a named point.

Run as a script it is a nursery, as ``recording_process`` is one for SQLite.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from sagaz_core.model import SagaSnapshot, utc_now
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.backends.redis.commands import Command, Script
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.capture import capture
from tests.storage.recording_process import Nursery, say

SAGAS: Final = 4
CHECKPOINTS: Final = 6
"""Of each saga, its end among them."""

Point = Literal[
    "before the append is sent",
    "after the append ran",
    "before a saga that ended is listed",
    "before a saga is removed",
    "after a saga was removed",
]
_APPEND, _DELETE = Script("append").sha, Script("delete").sha


@dataclass(frozen=True)
class Task:
    """What a process shall do, and the point at which it kills itself.

    Args:
        nth: at which of the times it comes by that point.
        prune: remove what has expired in two hours; else record sagas.
    """

    url: str
    key_prefix: str
    name: str
    point: Point
    nth: int
    prune: bool = False


@contextmanager
def redis_nursery() -> Iterator[Nursery]:
    """Start a nursery."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.redis_recording_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def made(saga_id: str, number: int) -> SagaSnapshot:
    """Return a saga's checkpoint of a number; the last one says how it ended."""
    ends: dict[str, Any] = {"kind": "before_step", "step_name": f"step{number}"}
    if number == CHECKPOINTS:
        status = "failed" if saga_id.endswith(("1", "3")) else "completed"
        ends = {"kind": status, "status": status}
    return SagaSnapshot(
        saga_id=saga_id,
        saga_name="S",
        context={"n": number, "items": [f"item {n} of {saga_id}" for n in range(number)]},
        retention_until=utc_now() + timedelta(days=1),
        **ends,
    )


# ---------------------------------------------------------------- in the nursery


def _comes_by(point: Point, commands: tuple[Command, ...]) -> bool:
    match point:
        case "before the append is sent" | "after the append ran":
            return any(command[:2] == ("EVALSHA", _APPEND) for command in commands)
        case "before a saga that ended is listed":
            return any(command[0] == "ZADD" and ":ended:" in command[1] for command in commands)
        case "before a saga is removed" | "after a saga was removed":
            return any(command[:2] == ("EVALSHA", _DELETE) for command in commands)


def arm(point: Point, nth: int) -> None:
    """Have this process kill itself at a point."""
    run, count = RedisConnection.run, 0

    async def dying(connection: RedisConnection, *commands: Command) -> list[Any]:
        nonlocal count
        count += _comes_by(point, commands)
        dies = count == nth and _comes_by(point, commands)
        if dies and point.startswith("before"):
            os.kill(os.getpid(), signal.SIGKILL)
        replies = await run(connection, *commands)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return replies

    RedisConnection.run = dying  # type: ignore[method-assign]


async def record(storage: RedisSnapshotStorage, name: str) -> None:
    async def one(place: int) -> None:
        for turn in range(1000):
            saga_id = f"{name}-{turn}-{place}"
            writer = storage.writer(
                saga_id=saga_id, saga_name="S", fence=1, claim=True, term=0.0, new_ids=True
            )
            for number in range(1, CHECKPOINTS + 1):
                taken = capture(made(saga_id, number))
                say(f"{saga_id} {await writer.append(taken, release=number == CHECKPOINTS)}")

    await asyncio.gather(*(one(place) for place in range(SAGAS)))


async def work(task: Task) -> None:
    storage = RedisSnapshotStorage(task.url, key_prefix=task.key_prefix)
    if task.prune:
        await storage.prune(utc_now() + timedelta(days=2))
    else:
        await record(storage, task.name)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            task = Task(**json.loads(line))
            say(f"pid {os.getpid()}")
            arm(task.point, task.nth)
            asyncio.run(work(task))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"gone {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
