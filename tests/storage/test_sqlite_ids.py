"""Ids of a run's snapshots are found again though most of them are not stored."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sagaz_core.errors import DuplicateSnapshotError
from sagaz_core.model import SagaSnapshot
from sagaz_core.saga.recording import Recording
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.snapshot_ids import SnapshotIds
from sagaz_core.storage.storage import SnapshotStorage


async def record(storage: SnapshotStorage, saga_id: str, count: int = 3) -> list[str]:
    recording = Recording(storage, saga_name="S", saga_id=saga_id)
    for number in range(count):
        await recording.checkpoint("before_step", {"n": number}, step_name=f"step_{number}")
    recording.stop()
    return [one.snapshot_id for one in await storage.list_checkpoints(saga_id)]


def stored_ids(path: Path) -> list[object]:
    with sqlite3.connect(path) as db:
        return [row[0] for row in db.execute("SELECT snapshot_id FROM entry ORDER BY rowid")]


async def test_a_recorded_run_stores_no_ids_and_each_is_found(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        ids = await record(storage, "a") + await record(storage, "b")
        assert len(set(ids)) == 6
        for number, snapshot_id in enumerate(ids):
            found = await storage.get_snapshot(snapshot_id)
            assert found is not None
            assert (found.saga_id, found.sequence) == ("ab"[number // 3], number % 3 + 1)
            assert found.snapshot_id == snapshot_id
    assert stored_ids(tmp_path / "s.db") == [None] * 6


async def test_one_without_a_stored_id_can_be_hidden_by_it(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        ids = await record(storage, "a")
        assert await storage.delete_snapshot(ids[1])
        assert not await storage.delete_snapshot(ids[1])
        assert await storage.get_snapshot(ids[1]) is None
        assert [one.sequence for one in await storage.list_checkpoints("a")] == [1, 3]


async def test_an_id_that_is_another_sagas_without_being_stored_is_refused(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        ids = await record(storage, "a")
        for saga_id, snapshot_id in (("b", ids[0]), ("b", ids[2])):
            taken = SagaSnapshot(saga_id=saga_id, saga_name="S", snapshot_id=snapshot_id)
            with pytest.raises(DuplicateSnapshotError):
                await storage.save_snapshot(taken)
        assert await storage.get_saga("b") is None


async def test_ids_that_begin_alike_in_two_sagas_stay_apart(tmp_path: Path) -> None:
    ids = SnapshotIds()
    saved = [("a", ids.next()), ("b", ids.next()), ("a", ids.next()), ("b", ids.next())]
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        for saga_id, snapshot_id in saved:
            await storage.save_snapshot(
                SagaSnapshot(saga_id=saga_id, saga_name="S", snapshot_id=snapshot_id)
            )
        for saga_id, snapshot_id in saved:
            found = await storage.get_snapshot(snapshot_id)
            assert found is not None
            assert found.saga_id == saga_id
    assert len([one for one in stored_ids(tmp_path / "s.db") if one is None]) == 1
