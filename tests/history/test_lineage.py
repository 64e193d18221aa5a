"""A family as a tree, from any of its members."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sagaz_core.errors import SagaNotFoundError
from sagaz_core.history.lineage import lineage
from sagaz_core.model import PlannedOverride, ReplayLogEntry, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.history.recorded import NOON, record


class TreeOrder(Saga):
    """Reserves and charges; an expired token is declined."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve)
        await self.add_step("charge", self.charge)

    async def reserve(self, ctx: StepContext) -> None:
        ctx["reserved"] = True

    async def charge(self, ctx: StepContext) -> None:
        if ctx["token"] == "expired":
            raise PermissionError("token expired")


async def grow(storage: SnapshotStorage, saga_id: str, parent_id: str, minutes: int) -> None:
    """Record a replay of one checkpoint."""
    writer = storage.writer(
        saga_id=saga_id,
        saga_name="OrderSaga",
        root_id="order_1",
        parent_id=parent_id,
        parent_sequence=1,
    )
    at = NOON + timedelta(minutes=minutes)
    await writer.append(
        capture(
            SagaSnapshot(saga_id=saga_id, saga_name="OrderSaga", step_name="step_1", created_at=at)
        )
    )


async def test_each_branch_tells_where_it_grew_from_with_what_by_whom_and_why(
    any_storage: SnapshotStorage,
) -> None:
    storage = any_storage
    await TreeOrder({"token": "expired"}, saga_id="order_1", snapshot_storage=storage).execute()
    first = await SagaReplay("order_1", storage, initiated_by="ann").from_checkpoint("charge")
    assert first.new_saga_id is not None
    second = await SagaReplay(first.new_saga_id, storage, initiated_by="ben").from_checkpoint(
        "charge", context_override={"token": "new"}, reason="new card"
    )
    assert second.status == "success"
    seen = [await lineage(saga_id, storage) for saga_id in ("order_1", "order_1~r2")]
    assert seen[0].branches == seen[1].branches
    assert [family.saga_id for family in seen] == ["order_1", "order_1~r2"]
    root, failed, good = seen[0].branches
    assert [branch.depth for branch in (root, failed, good)] == [0, 1, 2]
    assert (root.saga.saga_id, root.from_step, root.initiated_by) == ("order_1", None, "")
    assert (failed.saga.status, failed.override, failed.initiated_by) == ("failed", (), "ann")
    assert (good.saga.status, good.saga.parent_id) == ("completed", "order_1~r1")
    assert (good.from_step, good.initiated_by, good.reason) == ("charge", "ben", "new card")
    assert good.override == (PlannedOverride(path="/token", before="expired", after="new"),)
    assert good.saga.parent_sequence is not None
    origin = await storage.get_checkpoint("order_1~r1", good.saga.parent_sequence)
    assert (origin.kind, origin.step_name) == ("before_step", "charge")


async def test_replays_of_one_run_stand_in_the_order_of_their_start_each_with_its_own(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{}])
    await grow(any_storage, "order_1~r3", "order_1~r1", 9)
    await grow(any_storage, "order_1~r2", "order_1", 7)
    await grow(any_storage, "order_1~r1", "order_1", 6)
    family = await lineage("order_1~r2", any_storage)
    assert [(branch.saga.saga_id, branch.depth) for branch in family.branches] == [
        ("order_1", 0),
        ("order_1~r1", 1),
        ("order_1~r3", 2),
        ("order_1~r2", 1),
    ]


async def test_a_replay_without_a_log_tells_the_step_of_the_checkpoint_it_grew_from(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{}])
    await grow(any_storage, "order_1~r1", "order_1", 6)
    branch = (await lineage("order_1", any_storage)).branches[1]
    assert (branch.from_step, branch.initiated_by, branch.reason) == ("step_1", "", None)


async def test_a_run_whose_original_is_gone_stands_at_the_top(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{}])
    await grow(any_storage, "order_1~r1", "order_1", 6)
    await grow(any_storage, "order_1~r2", "order_1~r1", 7)
    await any_storage.backend.delete(["order_1"])
    family = await lineage("order_1~r2", any_storage)
    assert [(branch.saga.saga_id, branch.depth) for branch in family.branches] == [
        ("order_1~r1", 0),
        ("order_1~r2", 1),
    ]
    assert family.branches[0].from_step is None


async def test_a_chain_of_a_thousand_replays_is_told_whole(any_storage: SnapshotStorage) -> None:
    await record(any_storage, [{}])
    parent = "order_1"
    for number in range(1, 1001):
        saga_id = f"order_1~r{number}"
        await grow(any_storage, saga_id, parent, 5 + number)
        await any_storage.save_replay_log(
            ReplayLogEntry(
                replay_id=saga_id,
                original_saga_id=parent,
                from_step="step_1",
                snapshot_id=None,
                sequence=1,
                initiated_by=f"person {number}",
            )
        )
        parent = saga_id
    branches = (await lineage("order_1~r500", any_storage)).branches
    assert [branch.depth for branch in branches] == list(range(1001))
    assert [branch.initiated_by for branch in branches[1:]] == [
        f"person {number}" for number in range(1, 1001)
    ]


async def test_a_saga_that_is_not_there_is_named(any_storage: SnapshotStorage) -> None:
    with pytest.raises(SagaNotFoundError, match="order_9"):
        await lineage("order_9", any_storage)
