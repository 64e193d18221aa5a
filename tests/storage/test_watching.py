"""Whoever watches a store hears of a change soon, and costs next to nothing meanwhile."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage

LONG = 30.0


def snapshot(saga_id: str = "s", **fields: object) -> SagaSnapshot:
    return SagaSnapshot(saga_id=saga_id, saga_name="S", **fields)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStorage:
    if request.param == "memory":
        return InMemorySnapshotStorage()
    return SQLiteSnapshotStorage(tmp_path / "s.db")


async def test_a_write_of_this_process_wakes_a_waiter_at_once(storage: SnapshotStorage) -> None:
    async with storage:
        cursor = await storage.wait(None, 0)
        delays = []
        for _ in range(10):
            waiting = asyncio.ensure_future(storage.wait(cursor, LONG))
            await asyncio.sleep(0.005)
            await storage.save_snapshot(snapshot())
            written = time.monotonic()
            changed = await waiting
            delays.append(time.monotonic() - written)
            assert changed != cursor
            cursor = changed
        assert sorted(delays)[5] < 0.02


async def test_without_a_change_the_cursor_stays_and_the_wait_ends(
    storage: SnapshotStorage,
) -> None:
    async with storage:
        cursor = await storage.wait(None, LONG)
        assert await storage.wait(cursor, 0.12) == cursor
        assert await storage.wait(cursor, 0) == cursor


async def test_a_change_before_the_wait_is_not_missed(storage: SnapshotStorage) -> None:
    async with storage:
        cursor = await storage.wait(None, LONG)
        await storage.save_snapshot(snapshot())
        assert await asyncio.wait_for(storage.wait(cursor, LONG), 5) != cursor


async def test_another_connection_is_heard_of_within_a_quarter_of_a_second(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    writer, watcher = SQLiteSnapshotStorage(path), SQLiteSnapshotStorage(path)
    async with writer, watcher:
        cursor = await watcher.wait(None, 0)
        for _ in range(5):
            await writer.save_snapshot(snapshot())
            began = time.monotonic()
            cursor = await watcher.wait(cursor, LONG)
            assert time.monotonic() - began < 0.25
        assert (await watcher.get_saga("s")).checkpoints == 5  # type: ignore[union-attr]


async def test_waiting_idly_takes_less_than_a_fiftieth_of_a_core(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        cursor = await storage.wait(None, 0)
        began = time.process_time()
        await storage.wait(cursor, 1.0)
        assert time.process_time() - began < 0.02


async def test_following_waits_for_a_saga_that_is_not_there_yet(storage: SnapshotStorage) -> None:
    async with storage:

        async def follow() -> list[int]:
            return [found.context["n"] async for found in storage.follow("s", after=1)]

        following = asyncio.ensure_future(follow())
        await asyncio.sleep(0)
        for number in range(1, 300):
            await storage.save_snapshot(snapshot(context={"n": number}))
        await storage.save_snapshot(snapshot(context={"n": 300}, status="failed"))
        assert await asyncio.wait_for(following, 10) == list(range(2, 301))


async def test_following_a_saga_that_has_ended_yields_what_there_is_and_ends(
    storage: SnapshotStorage,
) -> None:
    async with storage:
        await storage.save_snapshot(snapshot())
        await storage.save_snapshot(snapshot(status="completed"))
        assert len([found async for found in storage.follow("s")]) == 2
        assert [found async for found in storage.follow("s", after=2)] == []
