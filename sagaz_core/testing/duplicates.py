"""A snapshot's id is stored once: the same again is known, anything else under it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.errors import DuplicateSnapshotError
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot


class DuplicateContract(ContractBase):
    """A snapshot's id is stored once: the same again is known, anything else is refused."""

    async def test_the_same_snapshot_twice_is_stored_once(self, storage: SnapshotStorage) -> None:
        saved = snapshot(context={"n": 1})
        assert await storage.save_snapshot(saved) == 1
        assert await storage.save_snapshot(saved) == 1
        assert len(await storage.list_snapshots("saga")) == 1
        assert len(await storage.list_changes("saga")) == 1

    async def test_an_old_snapshot_again_is_known_by_its_number_wherever_it_comes_from(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        saved = [snapshot(context={"n": n, "list": [n] * 50}) for n in range(5)]
        for each in saved:
            await storage.save_snapshot(each)
        for number, each in enumerate(saved, start=1):
            assert await other.save_snapshot(each) == number
            assert await storage.save_snapshot(each) == number
        assert await other.save_snapshot(snapshot(context={"n": 5})) == 6
        found = await storage.list_snapshots("saga")
        assert [each.context["n"] for each in found] == [5, 4, 3, 2, 1, 0]

    async def test_the_same_id_with_other_content_is_refused(
        self, storage: SnapshotStorage
    ) -> None:
        saved = snapshot(context={"n": 1})
        await storage.save_snapshot(saved)
        other_content: list[dict[str, Any]] = [
            {"context": {"n": 2}},
            {"context": {"n": True}},
            {"context": {"n": 1}, "kind": "after_step"},
            {"context": {"n": 1}, "completed_steps": ["a"]},
            {"context": {"n": 1}, "results": {"a": 1}},
        ]
        for fields in other_content:
            with pytest.raises(DuplicateSnapshotError):
                await storage.save_snapshot(snapshot(snapshot_id=saved.snapshot_id, **fields))
        (found,) = await storage.list_snapshots("saga")
        assert found.context == {"n": 1}
        assert await storage.save_snapshot(snapshot(context={"n": 2})) == 2

    @pytest.mark.parametrize(
        "snapshot_id",
        ["1", "order:1:%{}*", "snapshot é 🚚", "B0F6BBC4-6D1E-4C0B-9DB9-7E0E5B2C6A11", "x" * 300],
    )
    async def test_an_id_chosen_by_hand_belongs_to_one_saga(
        self, storage: SnapshotStorage, other: SnapshotStorage, snapshot_id: str
    ) -> None:
        await storage.save_snapshot(snapshot("a", context={"n": 1}, snapshot_id=snapshot_id))
        for each in (storage, other):
            with pytest.raises(DuplicateSnapshotError):
                await each.save_snapshot(snapshot("b", context={"n": 1}, snapshot_id=snapshot_id))
        assert await storage.get_saga("b") is None
        assert await storage.list_checkpoints("b") == []
        assert await storage.list_changes("b") == []
        found = await storage.get_snapshot(snapshot_id)
        assert found is not None
        assert found.saga_id == "a"
        assert await storage.save_snapshot(snapshot("b", context={"n": 1})) == 1
        assert await storage.get_snapshot(f"{snapshot_id}-") is None
        assert await storage.delete_snapshot(snapshot_id)

    async def test_ids_that_differ_in_form_only_are_two(self, storage: SnapshotStorage) -> None:
        lower = snapshot("a", context={"n": 1})
        upper = snapshot("b", context={"n": 2}, snapshot_id=lower.snapshot_id.upper())
        bare = snapshot("c", context={"n": 3}, snapshot_id=lower.snapshot_id.replace("-", ""))
        for each in (lower, upper, bare):
            await storage.save_snapshot(each)
        for each in (lower, upper, bare):
            found = await storage.get_snapshot(each.snapshot_id)
            assert found is not None
            assert (found.saga_id, found.snapshot_id) == (each.saga_id, each.snapshot_id)
