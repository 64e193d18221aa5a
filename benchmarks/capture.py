"""Checkpoints a second and bytes a checkpoint: plain ``sqlite3`` and sagaz, side by side.

Plain is what one would write by hand: one row of JSON and one synced commit a checkpoint. Both
keep the same sagas, in the same folder, in WAL mode with ``synchronous=FULL``; sagaz runs them
through its engine. Run: ``python benchmarks/capture.py [--folder DIR]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import string
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagaz_core import ReplayConfig, Saga, SagaConfig
from sagaz_core.storage.backends import SQLiteSnapshotStorage

CONFIG = SagaConfig(replay_config=ReplayConfig(enable_snapshots=True))
ROUNDS = 5

Context = dict[str, Any]
Change = Callable[[Any, int], None]
"""What one step does to the context."""


@dataclass(frozen=True)
class Shape:
    """A saga to record: how it begins, and what each step does."""

    name: str
    steps: int
    sagas: int
    at_once: int
    start: Callable[[], Context]
    change: Change
    min_speed: float
    """Of plain's checkpoints a second."""
    max_bytes: float | None
    """Of plain's bytes a checkpoint."""


@dataclass(frozen=True)
class Measured:
    """What a way of recording came to."""

    seconds: float
    checkpoints: int
    bytes: int

    @property
    def per_second(self) -> float:
        return self.checkpoints / self.seconds

    @property
    def bytes_each(self) -> float:
        return self.bytes / self.checkpoints


POOL = "".join(random.Random(0).choices(string.ascii_letters + string.digits, k=1 << 20))


def text(length: int) -> str:
    """Return text that does not compress well, at a cost that does not count."""
    start = random.randrange(len(POOL) - length)
    return POOL[start : start + length]


def order() -> Context:
    return {f"field_{number}": text(185) for number in range(10)}


def add_key(context: Any, step: int) -> None:
    context[f"key_{step}"] = text(100)


def grow_list(context: Any, step: int) -> None:
    context["items"] = [*context["items"], text(100)]


def edit_document(context: Any, step: int) -> None:
    document = dict(context["document"])
    document[f"field_{random.randrange(150)}"] = text(95)
    context["document"] = document


SHAPES = [
    Shape("20 steps, one after another", 20, 60, 1, order, add_key, 0.5, None),
    Shape("20 steps, 50 sagas at once", 20, 150, 50, order, add_key, 1.8, None),
    Shape("2,000 steps, a new key each", 2000, 1, 1, dict, add_key, 1.2, 1 / 40),
    Shape(
        "2,000 steps, a list that grows",
        *(2000, 1, 1),
        lambda: {"items": []},
        grow_list,
        1.2,
        1 / 40,
    ),
    Shape(
        "2,000 steps, one field of 16 KB",
        *(2000, 1, 1),
        lambda: {"document": {f"field_{number}": text(95) for number in range(150)}},
        edit_document,
        1.2,
        1 / 20,
    ),
]


# ---------------------------------------------------------------- plain


def run_plain(shape: Shape, path: Path) -> Measured:
    """Record the shape's sagas the plain way: before each step, and at the end."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE checkpoint (saga TEXT, seq INTEGER, step TEXT, body TEXT, "
        "PRIMARY KEY (saga, seq))"
    )
    started = time.perf_counter()
    count = 0
    for saga in range(shape.sagas):
        context = shape.start()
        for step in range(shape.steps + 1):
            connection.execute("BEGIN")
            connection.execute(
                "INSERT INTO checkpoint VALUES (?, ?, ?, ?)",
                (f"saga_{saga}", step, f"step_{step}", json.dumps(context)),
            )
            connection.execute("COMMIT")
            count += 1
            if step < shape.steps:
                shape.change(context, step)
    seconds = time.perf_counter() - started
    connection.close()
    return Measured(seconds, count, size_of(path))


# ---------------------------------------------------------------- sagaz


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


def run_sagaz(shape: Shape, path: Path) -> Measured:
    """Record the shape's sagas with the engine."""
    benchmark = saga_class(shape)

    async def run() -> float:
        async with SQLiteSnapshotStorage(path) as storage:
            free = asyncio.Semaphore(shape.at_once)

            async def one(saga: int) -> None:
                async with free:
                    result = await benchmark(
                        shape.start(),
                        saga_id=f"saga_{saga}",
                        config=CONFIG,
                        snapshot_storage=storage,
                    ).execute()
                if result.status != "completed" or result.capture_errors:
                    raise RuntimeError(f"the benchmark's own saga failed: {result}")

            started = time.perf_counter()
            await asyncio.gather(*(one(saga) for saga in range(shape.sagas)))
            return time.perf_counter() - started

    seconds = asyncio.run(run())
    connection = sqlite3.connect(path)
    count = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
    connection.close()
    return Measured(seconds, count, size_of(path))


# ---------------------------------------------------------------- both


def size_of(path: Path) -> int:
    """Return the bytes of a database, its log folded in."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


def compare(shape: Shape, folder: Path | None) -> bool:
    """Measure a shape both ways in turn, print the best of each, return whether it is enough."""
    rounds: list[tuple[Measured, Measured]] = []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            random.seed(number)
            plain = run_plain(shape, Path(place) / "plain.db")
            random.seed(number)
            ours = run_sagaz(shape, Path(place) / "sagaz.db")
        rounds.append((plain, ours))
    plain, ours = (min(each, key=lambda one: one.seconds) for each in zip(*rounds, strict=True))
    speed = ours.per_second / plain.per_second
    share = ours.bytes_each / plain.bytes_each
    met = speed >= shape.min_speed and (shape.max_bytes is None or share <= shape.max_bytes)
    aim = f">= {shape.min_speed} x"
    if shape.max_bytes is not None:
        aim += f", <= 1/{1 / shape.max_bytes:.0f}"
    print(
        f"{shape.name:<32} {plain.per_second:>7,.0f} {ours.per_second:>7,.0f} {speed:>6.2f} x"
        f"   {plain.bytes_each:>9,.0f} {ours.bytes_each:>7,.0f}   1/{1 / share:<5.1f}"
        f"  {aim:<16} {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the databases are written")
    arguments = parser.parse_args()
    print(
        f"{'':<32} {'checkpoints a second':^25}   {'bytes a checkpoint':^27}\n"
        f"{'':<32} {'plain':>7} {'sagaz':>7} {'':>8}   {'plain':>9} {'sagaz':>7}"
        f"{'':>12}{'aim':<16}"
    )
    results = [compare(shape, arguments.folder) for shape in SHAPES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
