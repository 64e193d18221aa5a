"""What is stored, and what was handed out, have nothing in common with a caller's objects."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaz_core.model import ReplayLogEntry, SagaSnapshot
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot


class IsolationContract(ContractBase):
    """What is stored, and what was handed out, have nothing in common with a caller's objects."""

    async def test_later_changes_to_a_value_do_not_reach_the_store(
        self, storage: SnapshotStorage
    ) -> None:
        context: dict[str, Any] = {"items": [{"sku": "a"}]}
        saved = snapshot(
            context=context,
            results={"a": [1]},
            completed_steps=["a"],
            running_steps=["b"],
            compensated_steps=["c"],
        )
        await storage.save_snapshot(saved)
        context["items"][0]["sku"] = "changed"
        saved.results["a"].append(2)
        saved.completed_steps.append("x")
        saved.running_steps.append("x")
        saved.compensated_steps.append("x")
        found = await storage.get_checkpoint("saga", 1)
        assert found.context == {"items": [{"sku": "a"}]}
        assert found.results == {"a": [1]}
        assert (found.completed_steps, found.running_steps, found.compensated_steps) == (
            ["a"],
            ["b"],
            ["c"],
        )

    async def test_a_value_is_stored_as_it_was_when_it_was_handed_in(
        self, storage: SnapshotStorage
    ) -> None:
        items = [1]
        saving = asyncio.ensure_future(storage.save_snapshot(snapshot(context={"items": items})))
        await asyncio.sleep(0)
        items.append(2)
        taken = capture(snapshot(context={"items": items}))
        items.append(3)
        await saving
        await storage.writer(saga_id="other", saga_name="S").append(taken)
        assert (await storage.get_checkpoint("saga", 1)).context == {"items": [1]}
        assert (await storage.get_checkpoint("other", 1)).context == {"items": [1, 2]}

    async def test_every_way_to_a_snapshot_gives_a_copy_of_its_own(
        self, storage: SnapshotStorage
    ) -> None:
        saved = snapshot(context={"items": [1]}, results={"a": {"n": 1}}, completed_steps=["a"])
        await storage.save_snapshot(saved)

        async def ways() -> list[SagaSnapshot | None]:
            return [
                await storage.get_snapshot(saved.snapshot_id),
                await storage.get_checkpoint("saga", 1),
                await storage.get_latest_snapshot("saga"),
                await storage.get_latest_snapshot("saga", before_step="a"),
                await storage.get_snapshot_at_time("saga", saved.created_at),
                *await storage.list_snapshots("saga"),
                *await storage.list_snapshots(),
                *[each async for each in storage.iter_checkpoints("saga")],
            ]

        for found in await ways() + await ways():
            assert found is not None
            assert found.context == {"items": [1]}
            assert found.results == {"a": {"n": 1}}
            assert found.completed_steps == ["a"]
            found.context["items"].append(2)
            found.results["a"]["n"] = 2
            found.completed_steps.append("b")

    async def test_neighbours_in_one_answer_share_nothing(self, storage: SnapshotStorage) -> None:
        for _ in range(3):
            await storage.save_snapshot(snapshot(context={"items": [1]}))
        newest, middle, oldest = await storage.list_snapshots("saga")
        middle.context["items"].append(2)
        assert newest.context == oldest.context == {"items": [1]}

    async def test_a_line_of_the_replay_log_is_a_copy(self, storage: SnapshotStorage) -> None:
        plan: dict[str, Any] = {"runs": ["charge"]}
        entry = ReplayLogEntry(
            replay_id="a~r1",
            original_saga_id="a",
            from_step="charge",
            snapshot_id=None,
            sequence=None,
            plan=plan,
        )
        await storage.save_replay_log(entry)
        plan["runs"].append("changed")
        for _ in range(2):
            found = await storage.get_replay_log("a~r1")
            (listed,) = await storage.list_replays("a")
            for each in (found, listed):
                assert each is not None
                assert each.plan == {"runs": ["charge"]}
                each.plan["runs"].append("changed")
