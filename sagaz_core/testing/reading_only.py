"""Looking never changes anything, and a store opened to look refuses every write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import ReadOnlyStoreError
from sagaz_core.model import BatchLogEntry, ReplayLogEntry
from sagaz_core.storage.capture import capture
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, hence, snapshot


class ReadingOnlyContract(ContractBase):
    """Looking never changes anything, and a store opened to look refuses every write."""

    async def test_a_store_opened_to_look_refuses_every_write(
        self, storage: SnapshotStorage, place: Path
    ) -> None:
        saved = await _fill(storage)
        before = await _look(storage, saved)
        async with SnapshotStorage(self.make_backend(place), read_only=True) as looking:
            writes = _writes(looking, saved)
            assert set(writes) == _public(SnapshotStorage) - _public(StoreReader)
            for name, write in writes.items():
                with pytest.raises(ReadOnlyStoreError, match="look"):
                    await write()
                assert await _look(storage, saved) == before, name

    async def test_a_store_opened_to_look_shows_everything(
        self, storage: SnapshotStorage, place: Path
    ) -> None:
        saved = await _fill(storage)
        async with SnapshotStorage(self.make_backend(place), read_only=True) as looking:
            assert await _look(looking, saved) == await _look(storage, saved)

    async def test_a_store_opened_to_look_shows_what_is_written_meanwhile(
        self, storage: SnapshotStorage, place: Path
    ) -> None:
        await storage.save_snapshot(snapshot(context={"n": 1}))
        async with SnapshotStorage(self.make_backend(place), read_only=True) as looking:
            for number in range(2, 6):
                await storage.save_snapshot(snapshot(context={"n": number}))
                found = await looking.get_latest_snapshot("saga")
                assert found is not None
                assert found.context == {"n": number}
                assert len(await looking.list_snapshots("saga")) == number

    async def test_looking_is_no_change(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        saved = await _fill(storage)
        cursor = await other.wait(None, 0)
        before = await _look(storage, saved)
        for each in (storage, other):
            assert await _look(each, saved) == before
        assert await other.wait(cursor, 0) == cursor

    async def test_asking_for_what_is_not_there_makes_nothing(
        self, storage: SnapshotStorage
    ) -> None:
        assert await storage.get_saga("nobody") is None
        assert await storage.get_snapshot("nothing") is None
        assert await storage.get_family("nobody") is None
        assert await storage.get_replay_log("nothing") is None
        assert await storage.list_snapshots("nobody") == []
        assert await storage.list_snapshots() == []
        assert await storage.list_checkpoints("nobody") == []
        assert await storage.list_family("nobody") == []
        assert await storage.list_replays("nobody") == []
        assert await storage.count_sagas("status") == {}
        assert (await storage.list_sagas()).sagas == []
        info = await storage.info()
        assert (info.sagas, info.entries) == (0, 0)


async def _fill(storage: SnapshotStorage) -> list[str]:
    """Write something of every kind and return the ids of its snapshots."""
    saved = [snapshot("a", step, context={"step": step}) for step in ("x", "y", "z")]
    saved += [snapshot("b", status="failed", kind="failed", retention_until=hence(hours=1))]
    for each in saved:
        await storage.save_snapshot(each)
    await storage.delete_snapshot(saved[1].snapshot_id)
    lease = await storage.acquire_lease("b", owner="me", holder="b~r1")
    writer = storage.writer(
        saga_id="b~r1",
        saga_name="S",
        root_id="b",
        parent_id="b",
        fence=lease.fence,
        tags={"t": "1"},
    )
    await writer.append(capture(snapshot("b~r1")))
    await lease.release()
    await storage.save_replay_log(_entry())
    await storage.save_batch(_batch())
    return [each.snapshot_id for each in saved]


def _batch() -> BatchLogEntry:
    return BatchLogEntry(batch_id="batch", items=(("b", "Contract", "a", None),), started_at=T0)


def _entry() -> ReplayLogEntry:
    return ReplayLogEntry(
        replay_id="b~r1",
        original_saga_id="b",
        from_step="a",
        snapshot_id=None,
        sequence=None,
        started_at=T0,
    )


def _writes(storage: SnapshotStorage, saved: list[str]) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return every way to change a store, by the name of the method."""

    async def begin_writing() -> None:
        storage.writer(saga_id="a", saga_name="S")

    return {
        "save_snapshot": lambda: storage.save_snapshot(snapshot("a")),
        "writer": begin_writing,
        "delete_snapshot": lambda: storage.delete_snapshot(saved[0]),
        "delete_expired_snapshots": lambda: storage.delete_expired_snapshots(now=hence(days=1)),
        "prune": storage.prune,
        "acquire_lease": lambda: storage.acquire_lease("a", owner="a", holder="a~r1"),
        "save_replay_log": lambda: storage.save_replay_log(_entry()),
        "save_batch": lambda: storage.save_batch(_batch()),
        "record_event": lambda: storage.record_event("a", "looked at", by="a"),
        "reveal": lambda: storage.reveal("a", [("x",)], by="a"),
        "hold": lambda: storage.hold("a", by="a", reason="a lawsuit"),
        "release_hold": lambda: storage.release_hold("a", by="a"),
        "forget": lambda: storage.forget(["a"], by="a"),
        "rotate_keys": storage.rotate_keys,
    }


async def _look(storage: SnapshotStorage, saved: list[str]) -> list[Any]:
    """Ask a store everything, and return the answers but for what its clock says."""
    family = await storage.get_family("b")
    assert family is not None
    return [
        [await storage.get_snapshot(each) for each in saved],
        await storage.get_checkpoint("a", 3),
        await storage.get_latest_snapshot("a"),
        await storage.get_latest_snapshot("a", before_step="x"),
        await storage.get_snapshot_at_time("a", hence(hours=1)),
        await storage.list_snapshots("a"),
        await storage.list_snapshots(status="failed"),
        [each async for each in storage.iter_checkpoints("a")],
        await storage.list_checkpoints("a"),
        await storage.list_changes("a"),
        await storage.list_sagas(),
        await storage.list_sagas(tags={"t": "1"}),
        await storage.count_sagas("status"),
        await storage.get_saga("b~r1"),
        await storage.get_run("a"),
        await storage.list_family("b"),
        (family.fence, family.holder, family.held),
        await storage.get_replay_log("b~r1"),
        await storage.list_replays(),
        await storage.get_batch("batch"),
        await storage.list_batches(),
        (await storage.info()).entries,
    ]


def _public(kind: type) -> set[str]:
    """Return a class's public names."""
    return {name for name in dir(kind) if not name.startswith("_")}
