"""A deleted checkpoint is hidden from every question, and its neighbours read as before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, snapshot


class HidingContract(ContractBase):
    """A deleted checkpoint is hidden from every question; its neighbours read as before."""

    async def test_a_deleted_checkpoint_is_gone_and_its_neighbours_are_not(
        self, storage: SnapshotStorage
    ) -> None:
        saved = [snapshot(step=f"s{n}", context={"n": n, "log": ["x"] * n}) for n in range(5)]
        for each in saved:
            await storage.save_snapshot(each)
        assert await storage.delete_snapshot(saved[2].snapshot_id)
        assert not await storage.delete_snapshot(saved[2].snapshot_id)
        assert not await storage.delete_snapshot("nothing")
        assert await storage.get_snapshot(saved[2].snapshot_id) is None
        found = await storage.list_snapshots("saga")
        assert [each.context["n"] for each in found] == [4, 3, 1, 0]
        assert found[1].context == {"n": 3, "log": ["x"] * 3}

    async def test_in_a_chain_of_changes_each_that_is_left_reads_as_before(
        self, storage: SnapshotStorage
    ) -> None:
        document = {str(n): "x" * 40 for n in range(60)}
        saved = []
        for number in range(40):
            document[str(number)] = f"changed in {number}"
            context = {"document": dict(document), f"key{number % 3}": number}
            saved.append(snapshot(step=f"s{number}", context=context))
            await storage.save_snapshot(saved[-1])
        before = {each.sequence: each async for each in storage.iter_checkpoints("saga")}
        touched = await storage.list_changes("saga")
        gone = {1, 2, 7, 20, 21, 22, 39}
        for number in sorted(gone):
            await storage.delete_snapshot(saved[number - 1].snapshot_id)
        kept = [each for number, each in before.items() if number not in gone]
        assert [each async for each in storage.iter_checkpoints("saga")] == kept
        assert await storage.list_snapshots("saga") == kept[::-1]
        for each in kept:
            assert await storage.get_checkpoint("saga", each.sequence) == each
            assert await storage.get_snapshot(each.snapshot_id) == each
        assert await storage.list_changes("saga") == touched

    async def test_a_hidden_checkpoint_is_hidden_from_every_question(
        self, storage: SnapshotStorage
    ) -> None:
        saved = [
            snapshot(step=f"s{n}", context={"n": n}, created_at=T0 + timedelta(seconds=n))
            for n in range(4)
        ]
        for each in saved:
            await storage.save_snapshot(each)
        await storage.delete_snapshot(saved[3].snapshot_id)
        await storage.delete_snapshot(saved[1].snapshot_id)
        assert [line.sequence for line in await storage.list_checkpoints("saga")] == [1, 3]
        assert [each.sequence async for each in storage.iter_checkpoints("saga")] == [1, 3]
        for found, number in (
            (await storage.get_latest_snapshot("saga"), 2),
            (await storage.get_snapshot_at_time("saga", T0 + timedelta(seconds=1)), 0),
            (await storage.get_snapshot_at_time("saga", T0 + timedelta(seconds=9)), 2),
            ((await storage.list_snapshots())[0], 2),
        ):
            assert found is not None
            assert found.context == {"n": number}
        assert await storage.get_latest_snapshot("saga", before_step="s1") is None
        assert await storage.save_snapshot(snapshot(context={"n": 4})) == 5

    async def test_a_limit_counts_what_is_shown(self, storage: SnapshotStorage) -> None:
        saved = [snapshot(step=f"s{n}") for n in range(30)]
        for each in saved:
            await storage.save_snapshot(each)
        for each in saved[5:25]:
            await storage.delete_snapshot(each.snapshot_id)

        async def sequences(**part: Any) -> list[int]:
            return [line.sequence for line in await storage.list_checkpoints("saga", **part)]

        assert await sequences(limit=7) == [1, 2, 3, 4, 5, 26, 27]
        assert await sequences(limit=7, reverse=True) == [30, 29, 28, 27, 26, 5, 4]
        assert await sequences(after=4, limit=2) == [5, 26]
        assert [each.sequence for each in await storage.list_snapshots("saga", limit=6)] == [
            30,
            29,
            28,
            27,
            26,
            5,
        ]

    async def test_a_saga_of_which_all_is_hidden_is_still_there(
        self, storage: SnapshotStorage
    ) -> None:
        saved = snapshot(context={"n": 1})
        await storage.save_snapshot(saved)
        await storage.delete_snapshot(saved.snapshot_id)
        assert await storage.list_snapshots("saga") == []
        assert await storage.list_snapshots() == []
        assert await storage.get_latest_snapshot("saga") is None
        assert await storage.get_snapshot_at_time("saga", saved.created_at) is None
        saga = await storage.get_saga("saga")
        assert saga is not None
        assert saga.checkpoints == 1

    async def test_what_one_instance_hides_another_no_longer_shows(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        saved = [snapshot(context={"n": n}) for n in range(3)]
        for each in saved:
            await storage.save_snapshot(each)
        assert len(await other.list_snapshots("saga")) == 3
        await storage.delete_snapshot(saved[1].snapshot_id)
        assert [each.context["n"] for each in await other.list_snapshots("saga")] == [2, 0]
        assert await other.get_snapshot(saved[1].snapshot_id) is None
        assert not await other.delete_snapshot(saved[1].snapshot_id)
