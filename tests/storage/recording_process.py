"""Processes that record sagas until they are killed, and say what was acknowledged.

Run as a script it is a nursery: for each line ``FILE PREFIX`` on its standard input it forks a
process that records, having imported everything already. On standard output come ``pid N`` and
then a line ``SAGA SEQUENCE`` for each checkpoint that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sys

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage

SAGAS = 4


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


async def record(path: str, prefix: str) -> None:
    storage = SQLiteSnapshotStorage(path)

    async def one(saga_id: str) -> None:
        items: list[str] = []
        for number in range(1, 10_000):
            items.append(f"item {number} of {saga_id}")
            snapshot = SagaSnapshot(
                saga_id=saga_id, saga_name="S", context={"n": number, "items": items}
            )
            say(f"{saga_id} {await storage.save_snapshot(snapshot)}")

    await asyncio.gather(*(one(f"{prefix}-{number}") for number in range(SAGAS)))


def main() -> None:
    for line in sys.stdin:
        path, prefix = line.split()
        child = os.fork()
        if child == 0:
            say(f"pid {os.getpid()}")
            asyncio.run(record(path, prefix))
            os._exit(0)
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main()
