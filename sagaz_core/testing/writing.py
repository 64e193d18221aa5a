"""Many may write at once, and none writes over another."""

from __future__ import annotations

import asyncio

import pytest

from sagaz_core.errors import HeadConflictError, StorageError
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, hence, snapshot
from sagaz_core.testing.rows import append_of


class WritingContract(ContractBase):
    """Many may write at once, and none writes over another."""

    async def test_fifty_sagas_write_at_once(self, storage: SnapshotStorage) -> None:
        async def run(saga_id: str) -> None:
            for step in range(10):
                await storage.save_snapshot(
                    snapshot(saga_id, f"s{step}", context={"id": saga_id, "step": step})
                )

        await asyncio.gather(*(run(f"saga{number}") for number in range(50)))
        for number in range(50):
            found = await storage.list_snapshots(f"saga{number}")
            assert [each.context["step"] for each in found] == list(range(9, -1, -1))
            assert {each.context["id"] for each in found} == {f"saga{number}"}

    async def test_of_two_writers_one_wins_and_the_other_hears_of_it(
        self, storage: SnapshotStorage
    ) -> None:
        first = storage.writer(saga_id="saga", saga_name="S")
        second = storage.writer(saga_id="saga", saga_name="S")
        await first.append(capture(snapshot(context={"by": "first"})))
        await second.append(capture(snapshot(context={"by": "second"})))
        with pytest.raises(HeadConflictError):
            await first.append(capture(snapshot(context={"by": "nobody"})))
        await first.append(capture(snapshot(context={"by": "first again"})))
        found = await storage.list_snapshots("saga")
        assert [each.context["by"] for each in found] == ["first again", "second", "first"]

    async def test_a_refused_append_leaves_no_trace(self, storage: SnapshotStorage) -> None:
        first = storage.writer(saga_id="saga", saga_name="S")
        second = storage.writer(saga_id="saga", saga_name="S")
        await first.append(capture(snapshot(context={"by": 1})))
        await second.append(capture(snapshot(context={"by": 2})))
        before = await storage.get_saga("saga")
        refused = snapshot(
            status="failed",
            context={"refused": 1},
            created_at=hence(hours=1),
            retention_until=hence(hours=2),
        )
        with pytest.raises(HeadConflictError):
            await first.append(capture(refused))
        assert await storage.get_saga("saga") == before
        assert await storage.get_snapshot(refused.snapshot_id) is None
        assert await storage.list_changes("saga", key="refused") == []
        assert await storage.count_sagas("status") == {"executing": 1}

    async def test_a_group_is_judged_one_by_one_and_in_order(
        self, storage: SnapshotStorage
    ) -> None:
        kept = append_of("c")
        assert kept.entry is not None
        again = kept.entry.snapshot_id
        await storage.backend.append([kept, append_of("c", 2)])
        outcomes = await storage.backend.append(
            [
                append_of("a"),
                append_of("a", 2),
                append_of("a", 2),
                append_of("b", 2),
                append_of("c", 3, snapshot_id=again),
                append_of("c", 1, snapshot_id=again),
                append_of("d", fence=7),
                append_of("a", 3),
                append_of("e"),
            ]
        )
        assert outcomes == [
            ("stored", 1),
            ("stored", 2),
            ("conflict", 2),
            ("conflict", 0),
            ("duplicate", 1),
            ("duplicate", 1),
            ("fenced", 0),
            ("stored", 3),
            ("stored", 1),
        ]
        sagas = {saga.saga_id: saga.checkpoints for saga in (await storage.list_sagas()).sagas}
        assert sagas == {"a": 3, "c": 2, "e": 1}
        for saga_id, head in sagas.items():
            numbers = [line.sequence for line in await storage.list_checkpoints(saga_id)]
            assert numbers == list(range(1, head + 1))
            assert len(await storage.list_snapshots(saga_id)) == head

    async def test_within_a_group_a_saga_is_known_as_it_was_left(
        self, storage: SnapshotStorage
    ) -> None:
        kept = append_of("kept")
        assert kept.entry is not None
        again = append_of("kept", 2, snapshot_id=kept.entry.snapshot_id)
        await storage.backend.append([kept])
        outcomes = await storage.backend.append(
            [
                append_of("a"),
                append_of("b", 2),
                again,
                append_of("a", 2),
                append_of("b"),
                again,
                append_of("a", fence=7),
                append_of("b", 2),
                append_of("a", 3, fence=7),
                append_of("a", 3),
            ]
        )
        assert outcomes == [
            ("stored", 1),
            ("conflict", 0),
            ("duplicate", 1),
            ("stored", 2),
            ("stored", 1),
            ("duplicate", 1),
            ("conflict", 2),
            ("stored", 2),
            ("fenced", 2),
            ("stored", 3),
        ]
        for saga_id, head in (("a", 3), ("b", 2)):
            found = await storage.list_snapshots(saga_id)
            assert [each.sequence for each in found] == list(range(head, 0, -1))

    async def test_an_empty_group_is_nothing(self, storage: SnapshotStorage) -> None:
        assert await storage.backend.append([]) == []

    async def test_large_checkpoints_of_many_sagas_share_a_group(
        self, storage: SnapshotStorage
    ) -> None:
        def blob(saga_id: str, step: int) -> bytes:
            return saga_id.encode() * 60_000 + bytes([step])

        async def run(saga_id: str) -> None:
            for step in range(2):
                await storage.save_snapshot(
                    snapshot(saga_id, context={"blob": blob(saga_id, step)})
                )

        ids = [f"saga{number:02}" for number in range(20)]
        await asyncio.gather(*map(run, ids))
        for saga_id in ids:
            found = await storage.list_snapshots(saga_id)
            assert [each.context["blob"] for each in found] == [blob(saga_id, 1), blob(saga_id, 0)]

    async def test_a_saga_deleted_under_its_writer_is_begun_anew(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        for number in range(3):
            await storage.save_snapshot(snapshot(context={"n": number}))
        await other.backend.delete(["saga"])
        with pytest.raises(StorageError, match="lost"):
            await storage.save_snapshot(snapshot(context={"n": 3}))
        assert await storage.save_snapshot(snapshot(context={"n": 4})) == 1
        (found,) = await other.list_snapshots("saga")
        assert found.context == {"n": 4}
