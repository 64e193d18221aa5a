"""A saga is kept until its latest retention has ended, and then goes with all that is its own.

A store may let go of it by itself from that moment on, or keep it until it is told to.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import to_micros
from sagaz_core.testing.base import PATIENCE, ContractBase, hence, snapshot

SOON = 0.7
"""Seconds: enough to write a few checkpoints, and not much to wait."""


class ExpiryContract(ContractBase):
    """A saga is kept until its latest retention has ended, and then goes as a whole."""

    async def test_a_saga_expires_by_its_latest_retention(self, storage: SnapshotStorage) -> None:
        soon, late = hence(days=1), hence(days=9)
        await storage.save_snapshot(snapshot("a", retention_until=soon))
        await storage.save_snapshot(snapshot("b", retention_until=soon))
        await storage.save_snapshot(snapshot("b", retention_until=late))
        await storage.save_snapshot(snapshot("c"))
        await storage.save_snapshot(snapshot("d", retention_until=late))
        await storage.save_snapshot(snapshot("d", retention_until=soon))
        assert await storage.delete_expired_snapshots(now=soon + timedelta(days=1)) == 1
        assert {each.saga_id for each in await storage.list_snapshots()} == {"b", "c", "d"}
        assert await storage.get_latest_snapshot("a") is None
        assert await storage.delete_expired_snapshots(now=late + timedelta(days=1)) == 4
        assert [each.saga_id for each in await storage.list_snapshots()] == ["c"]

    async def test_a_checkpoint_without_retention_keeps_its_saga_for_good(
        self, storage: SnapshotStorage
    ) -> None:
        for saga_id, retentions in (("a", (hence(days=1), None)), ("b", (None, hence(days=1)))):
            for retention in retentions:
                await storage.save_snapshot(snapshot(saga_id, retention_until=retention))
        assert await storage.delete_expired_snapshots(now=hence(days=9999)) == 0
        for saga_id in "ab":
            saga = await storage.get_saga(saga_id)
            assert saga is not None
            assert saga.expires_at is None

    async def test_nothing_is_removed_before_its_time(self, storage: SnapshotStorage) -> None:
        until = hence(hours=1)
        await storage.save_snapshot(snapshot("a", retention_until=until))
        await storage.save_snapshot(snapshot("b", status="failed", retention_until=until))
        assert await storage.delete_expired_snapshots() == 0
        assert await storage.delete_expired_snapshots(now=until - timedelta(microseconds=1)) == 0
        for saga_id in "ab":
            saga = await storage.get_saga(saga_id)
            assert saga is not None
            assert saga.expires_at == until
        assert await storage.delete_expired_snapshots(now=until) == 2

    async def test_nothing_of_an_expired_saga_is_left(self, storage: SnapshotStorage) -> None:
        saved = snapshot("a", status="failed", context={"x": 1}, retention_until=hence(hours=1))
        writer = storage.writer(saga_id="a", saga_name="S", tags={"order": "1"}, claim=True)
        await writer.append(capture(saved), release=True)
        await storage.save_replay_log(
            ReplayLogEntry(
                replay_id="a~r1",
                original_saga_id="a",
                from_step="s",
                snapshot_id=None,
                sequence=None,
            )
        )
        await storage.save_snapshot(snapshot("b", context={"x": 1}))
        assert await storage.delete_expired_snapshots(now=hence(hours=2)) == 1
        assert await storage.get_saga("a") is None
        assert await storage.get_snapshot(saved.snapshot_id) is None
        assert await storage.list_snapshots("a") == []
        assert await storage.list_checkpoints("a") == []
        assert await storage.list_changes("a") == []
        assert await storage.list_replays("a") == []
        assert await storage.get_replay_log("a~r1") is None
        assert await storage.get_family("a") is None
        assert (await storage.list_sagas(tags={"order": "1"})).sagas == []
        assert (await storage.list_sagas(status="failed")).sagas == []
        assert await storage.count_sagas("status") == {"executing": 1}
        info = await storage.info()
        assert (info.sagas, info.entries) == (1, 1)

    async def test_an_id_is_free_again_once_its_saga_has_expired(
        self, storage: SnapshotStorage
    ) -> None:
        saved = snapshot("a", context={"x": 1}, retention_until=hence(hours=1))
        for each in (saved, snapshot("a", context={"x": 2}, retention_until=hence(hours=1))):
            await storage.save_snapshot(each)
        await storage.delete_expired_snapshots(now=hence(hours=2))
        assert await storage.save_snapshot(snapshot("a", context={"y": 3})) == 1
        (found,) = await storage.list_snapshots("a")
        assert found.context == {"y": 3}
        assert [touch.key for touch in await storage.list_changes("a")] == ["y"]
        assert await storage.save_snapshot(saved) == 2

    async def test_an_expired_saga_that_is_alive_is_kept(self, storage: SnapshotStorage) -> None:
        for saga_id, claim in (("alive", True), ("ended", False)):
            writer = storage.writer(saga_id=saga_id, saga_name="S", claim=claim)
            await writer.append(
                capture(snapshot(saga_id, retention_until=hence(minutes=5))), release=not claim
            )
        assert await storage.backend.expired(to_micros(hence(minutes=10))) == ["ended"]
        assert await storage.delete_expired_snapshots(now=hence(minutes=10)) == 1
        assert await storage.get_saga("alive") is not None
        assert await storage.get_saga("ended") is None

    async def test_a_family_of_which_a_run_is_alive_is_kept_whole(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(
            snapshot("a", status="failed", retention_until=hence(minutes=5))
        )
        lease = await storage.acquire_lease("a", owner="me", holder="a~r1")
        assert await storage.backend.expired(to_micros(hence(minutes=10))) == []
        assert await storage.delete_expired_snapshots(now=hence(minutes=10)) == 0
        await lease.release()
        assert await storage.delete_expired_snapshots(now=hence(minutes=10)) == 1

    async def test_a_family_outlives_its_root(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(
            snapshot("a", status="failed", retention_until=hence(seconds=SOON))
        )
        lease = await storage.acquire_lease("a", owner="me", holder="a~r1")
        writer = storage.writer(
            saga_id="a~r1",
            saga_name="S",
            root_id="a",
            parent_id="a",
            parent_sequence=1,
            fence=lease.fence,
        )
        await writer.append(
            capture(snapshot("a~r1", status="completed", retention_until=hence(hours=1))),
            release=True,
        )
        await gone(storage, "a")
        assert [saga.saga_id for saga in await storage.list_family("a")] == ["a~r1"]
        family = await storage.get_family("a")
        assert family is not None
        assert (family.fence, family.recovered_by) == (lease.fence, "a~r1")

    async def test_what_was_prolonged_is_all_there_after_its_first_time(
        self, storage: SnapshotStorage
    ) -> None:
        soon = hence(seconds=SOON)
        saved = {
            saga_id: snapshot(saga_id, context={"n": 1, "m": 1}, retention_until=soon)
            for saga_id in ("gone", "later", "kept")
        }
        for saga_id, each in saved.items():
            writer = storage.writer(saga_id=saga_id, saga_name="S", tags={"order": saga_id})
            await writer.append(capture(each))
        await storage.save_snapshot(
            snapshot("later", context={"n": 2, "m": 1}, retention_until=hence(hours=1))
        )
        await storage.save_snapshot(snapshot("kept", context={"n": 2, "m": 1}))
        await gone(storage, "gone")
        assert await storage.get_snapshot(saved["gone"].snapshot_id) is None
        for saga_id in ("later", "kept"):
            first = await storage.get_snapshot(saved[saga_id].snapshot_id)
            assert first is not None
            assert first.context == {"n": 1, "m": 1}
            found = await storage.list_snapshots(saga_id)
            assert [each.context["n"] for each in found] == [2, 1]
            touches = await storage.list_changes(saga_id)
            assert [(each.sequence, each.key) for each in touches] == [(2, "n"), (1, "m"), (1, "n")]
            page = await storage.list_sagas(tags={"order": saga_id})
            assert [saga.saga_id for saga in page.sagas] == [saga_id]
        assert {each.saga_id for each in await storage.list_snapshots()} == {"later", "kept"}
        assert (await storage.list_sagas(tags={"order": "gone"})).sagas == []


async def gone(storage: SnapshotStorage, saga_id: str) -> None:
    """Wait until a saga's retention has ended, and have the store let it go."""
    async with asyncio.timeout(PATIENCE):
        while await storage.get_saga(saga_id) is not None:
            await storage.delete_expired_snapshots()
            await asyncio.sleep(0.01)
