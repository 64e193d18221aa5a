"""The past of a saga: its state at a moment, and what each checkpoint changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sagaz_core.errors import (
    NotFoundError,
    SagaNotFoundError,
    SnapshotNotFoundError,
    UsageError,
)
from sagaz_core.history.diff import diff_checkpoints
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import Difference, SagaSnapshot
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from tests.history.recorded import minute, record

STATES = [{"a": 1}, {"a": 1, "b": Decimal("2.5")}, {"b": Decimal("2.5"), "c": [1]}]


# ---------------------------------------------------------------- a state


async def test_the_state_at_a_moment_is_that_of_the_latest_checkpoint_not_after_it(
    storage: SnapshotStorage,
) -> None:
    saved = await record(storage, STATES)
    moment = minute(2) + timedelta(seconds=59)
    state = await SagaTimeTravel.get_state_at(
        saga_id="order_1", timestamp=moment, snapshot_storage=storage
    )
    assert state is not None
    assert (state.saga_id, state.saga_name, state.status) == ("order_1", "OrderSaga", "executing")
    assert (state.step_name, state.completed_steps) == ("step_2", ["step_1"])
    assert state.context == STATES[1]
    assert (state.created_at, state.timestamp) == (minute(2), moment)
    assert (state.sequence, state.snapshot_id) == (2, saved[1].snapshot_id)


async def test_a_checkpoint_counts_from_its_very_moment(storage: SnapshotStorage) -> None:
    await record(storage, STATES)
    at = await SagaTimeTravel.get_state_at(
        saga_id="order_1", timestamp=minute(2), snapshot_storage=storage
    )
    before = await SagaTimeTravel.get_state_at(
        saga_id="order_1",
        timestamp=minute(2) - timedelta(microseconds=1),
        snapshot_storage=storage,
    )
    assert at is not None
    assert before is not None
    assert (at.sequence, before.sequence) == (2, 1)


async def test_before_the_first_checkpoint_there_was_no_state(storage: SnapshotStorage) -> None:
    await record(storage, STATES)
    for saga_id, moment in (("order_1", minute(0)), ("nobody", minute(9))):
        assert (
            await SagaTimeTravel.get_state_at(
                saga_id=saga_id, timestamp=moment, snapshot_storage=storage
            )
            is None
        )
        assert (
            await SagaTimeTravel.get_context_at(
                saga_id=saga_id, timestamp=moment, snapshot_storage=storage, key="a"
            )
            is None
        )


async def test_a_time_without_a_zone_is_the_machines(storage: SnapshotStorage) -> None:
    await record(storage, STATES)
    local = minute(2).astimezone().replace(tzinfo=None)
    state = await SagaTimeTravel.get_state_at(
        saga_id="order_1", timestamp=local, snapshot_storage=storage
    )
    assert state is not None
    assert state.sequence == 2


@pytest.mark.parametrize("moment", ["2024-12-15", None, 1_734_258_600])
async def test_what_is_no_time_is_refused(storage: SnapshotStorage, moment: Any) -> None:
    with pytest.raises(UsageError, match=r"timestamp is .*; give a datetime"):
        await SagaTimeTravel.get_state_at(
            saga_id="order_1", timestamp=moment, snapshot_storage=storage
        )


async def test_one_key_can_be_asked_for_and_may_be_a_steps_result(
    storage: SnapshotStorage,
) -> None:
    await record(storage, STATES, results={"reserve": {"id": "rsv-1"}})

    async def value(key: str | None) -> Any:
        return await SagaTimeTravel.get_context_at(
            saga_id="order_1", timestamp=minute(3), snapshot_storage=storage, key=key
        )

    assert await value(None) == STATES[2]
    assert await value("b") == Decimal("2.5")
    assert await value("reserve") == {"id": "rsv-1"}
    with pytest.raises(NotFoundError, match=r"had no key 'z' at .*; it had b, c, reserve"):
        await value("z")


# ---------------------------------------------------------------- changes


class Counting(Saga):
    """Each step counts on and leaves a mark."""

    async def build(self) -> None:
        for name in ("one", "two", "three"):
            await self.add_step(name, self.count)

    async def count(self, ctx: StepContext) -> str:
        ctx["count"] += 1
        return f"done {ctx.step}"


async def changes(storage: SnapshotStorage, **how: Any) -> list[Any]:
    return await SagaTimeTravel.list_state_changes(
        saga_id="order_1", snapshot_storage=storage, **how
    )


async def test_each_change_names_its_keys_and_the_step_that_caused_it(
    storage: SnapshotStorage,
) -> None:
    await Counting({"count": 0}, saga_id="order_1", snapshot_storage=storage).execute()
    found = await changes(storage)
    assert [change.kind for change in found] == ["before_step"] * 3 + ["completed"]
    assert [dict(change.caused_by) for change in found] == [
        {"count": None},
        {"count": "one", "one": "one"},
        {"count": "two", "two": "two"},
        {"count": "three", "three": "three"},
    ]
    assert found[1].changes == (
        Difference("/count", "changed", 0, 1),
        Difference("/one", "added", after="done one"),
    )


async def test_changes_come_in_order_and_a_limit_keeps_the_latest(
    storage: SnapshotStorage,
) -> None:
    await record(storage, [{"n": n} for n in range(1, 601)])
    assert [change.sequence for change in await changes(storage)] == list(range(501, 601))
    every = await changes(storage, limit=None)
    assert [change.sequence for change in every] == list(range(1, 601))
    last = await changes(storage, limit=2)
    assert [change.changes for change in last] == [
        (Difference("/n", "changed", 598, 599),),
        (Difference("/n", "changed", 599, 600),),
    ]


async def test_times_are_inclusive(storage: SnapshotStorage) -> None:
    await record(storage, [{"n": n} for n in range(600)])
    found = await changes(storage, after=minute(2), before=minute(4))
    assert [change.sequence for change in found] == [2, 3, 4]
    assert found[0].changes == (Difference("/n", "changed", 0, 1),)
    assert await changes(storage, after=minute(601)) == []
    assert await changes(storage, before=minute(0)) == []


async def test_a_deleted_checkpoints_change_shows_in_the_next(storage: SnapshotStorage) -> None:
    saved = await record(storage, [{"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}])
    await storage.delete_snapshot(saved[1].snapshot_id)
    found = await changes(storage)
    assert [change.sequence for change in found] == [1, 3]
    assert [line.path for line in found[1].changes] == ["/b", "/c"]
    assert set(found[1].caused_by) == {"b", "c"}


async def test_a_checkpoint_that_changed_nothing_is_told_too(storage: SnapshotStorage) -> None:
    await record(storage, [{"a": 1}, {"a": 1}])
    assert [change.changes for change in await changes(storage)] == [
        (Difference("/a", "added", after=1),),
        (),
    ]


async def test_an_unknown_saga_and_an_odd_limit_are_refused(storage: SnapshotStorage) -> None:
    with pytest.raises(SagaNotFoundError):
        await changes(storage)
    with pytest.raises(UsageError, match="limit is 0"):
        await changes(storage, limit=0)


# ---------------------------------------------------------------- two checkpoints


async def test_any_two_checkpoints_can_be_compared_with_their_results(
    storage: SnapshotStorage,
) -> None:
    first, second = (
        SagaSnapshot(saga_id="order_1", saga_name="OrderSaga", context={"a": 1}),
        SagaSnapshot(
            saga_id="order_1", saga_name="OrderSaga", context={"a": 2}, results={"r": [1]}
        ),
    )
    for snapshot in (first, replace(first, snapshot_id="between"), second):
        await storage.save_snapshot(snapshot)
    forward = await diff_checkpoints(storage, "order_1", 1, 3)
    assert forward == [
        Difference("/a", "changed", 1, 2),
        Difference("/r", "added", after=[1]),
    ]
    back = await diff_checkpoints(storage, "order_1", 3, 1)
    assert [line.kind for line in back] == ["changed", "removed"]
    with pytest.raises(SnapshotNotFoundError):
        await diff_checkpoints(storage, "order_1", 1, 9)


async def test_the_number_of_the_checkpoint_of_a_time_is_found_without_its_context(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{"n": 1}, {"n": 2}, {"n": 3}])
    times = [minute(0), minute(2), minute(2) + timedelta(seconds=30), minute(9)]
    found = [await any_storage.get_number_at_time("order_1", at) for at in times]
    assert found == [None, 2, 2, 3]
