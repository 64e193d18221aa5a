"""Replays a second in a batch, beside sagas a second that run and record without replaying.

Each round fills a fresh SQLite file with failed sagas of three trivial steps, and replays them as
one batch from the step that failed, both 16 at a time. The batch's time holds all that it takes:
finding them, its journal, plans, leases and the replay log.
Run: ``python benchmarks/batch.py [--folder DIR] [--count N]``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from sagaz_core import BatchReplay, Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage

AT_ONCE = 16
ROUNDS = 5
AIM = 0.6
"""The share of the recording rate that a batch has to reach."""


class BenchmarkOrder(Saga):
    """Reserves, fails to charge while the gateway is down, and ships."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge)
        await self.add_step("ship", self.ship)

    async def reserve(self, ctx: Any) -> str:
        return "reserved"

    async def release(self, result: str, ctx: Any) -> None:
        pass

    async def charge(self, ctx: Any) -> str:
        if ctx["gateway"] == "main":
            raise ConnectionError("the gateway is down")
        return "charged"

    async def ship(self, ctx: Any) -> str:
        return "shipped"


async def record(storage: SnapshotStorage, count: int) -> float:
    """Run and record sagas that fail; returns seconds."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with free:
            await BenchmarkOrder(
                {"order": number, "gateway": "main"},
                saga_id=f"order_{number}",
                snapshot_storage=storage,
            ).execute()

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - started


async def replay(storage: SnapshotStorage, count: int) -> float:
    """Replay them all as one batch; returns seconds."""
    batch = BatchReplay(storage, context_override={"gateway": "backup"})
    started = time.perf_counter()
    report = await batch.run(concurrency=AT_ONCE)
    took = time.perf_counter() - started
    if report.succeeded != count:
        raise RuntimeError(f"the benchmark's own batch failed: {report}")
    return took


async def measure(folder: Path, count: int) -> tuple[float, float]:
    """Return the sagas a second of both, on a fresh file."""
    async with SQLiteSnapshotStorage(folder / "orders.db") as storage:
        return count / await record(storage, count), count / await replay(storage, count)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the stores are written")
    parser.add_argument("--count", type=int, default=1500, help="sagas a round")
    arguments = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}\n"
        f"{arguments.count} sagas, {AT_ONCE} at once\n\n{'':<12} {'recorded':>9} {'replayed':>9}"
    )
    rounds: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            rounds.append(asyncio.run(measure(Path(place), arguments.count)))
        recorded, replayed = rounds[-1]
        print(f"{f'round {number + 1}':<12} {recorded:>9,.0f} {replayed:>9,.0f}", flush=True)
    # The best of each: what is slower was held up by something else.
    recorded, replayed = (max(rates) for rates in zip(*rounds, strict=True))
    share = replayed / recorded
    met = share >= AIM
    print(
        f"{'best':<12} {recorded:>9,.0f} {replayed:>9,.0f} {share:>7.0%}   "
        f">= {AIM:.0%} {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
