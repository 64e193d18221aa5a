"""The library's getting-started calls, in the shapes that people know them by.

Names, argument names, return values and which argument is positional are what is tested: a
program written against the reference runs with only its imports replaced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import (
    ReplayConfig,
    Saga,
    SagaConfig,
    SagaNotFoundError,
    SagaReplay,
    SagaSnapshot,
    SagaTimeTravel,
)
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage

DONE: list[str] = []
"""What really happened, in order."""


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    DONE.clear()


@pytest.fixture(params=["memory", "sqlite"])
async def snapshot_storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    # Not opened: a store opens itself, and is used on after its `async with` has ended.
    memory = request.param == "memory"
    made = InMemorySnapshotStorage() if memory else SQLiteSnapshotStorage(tmp_path / "orders.db")
    yield made
    await made.close()


class OrderSaga(Saga):
    """Three steps, the middle one in need of a good token or another gateway."""

    async def build(self) -> None:
        await self.add_step(
            name="reserve_inventory", action=self._reserve, compensation=self._release
        )
        await self.add_step(name="charge_payment", action=self._charge, compensation=self._refund)
        await self.add_step(name="ship_order", action=self._ship)

    async def _reserve(self, ctx: Any) -> dict[str, str]:
        DONE.append("reserved")
        return {"reservation": f"for {ctx['order_id']}"}

    async def _release(self, result: dict[str, str], ctx: Any) -> None:
        DONE.append(f"released {result['reservation']}")

    async def _charge(self, ctx: Any) -> str:
        if "payment_token" not in ctx and "payment_gateway" not in ctx:
            raise ConnectionError("the gateway is down")
        DONE.append("charged")
        return "chg-1"

    async def _refund(self, result: str, ctx: Any) -> None:
        DONE.append(f"refunded {result}")

    async def _ship(self, ctx: Any) -> None:
        DONE.append("shipped")


async def fail_an_order(snapshot_storage: Any, **more: Any) -> OrderSaga:
    """Record an order as the first steps of the guide do."""
    config = SagaConfig(
        replay_config=ReplayConfig(
            enable_snapshots=True, snapshot_strategy="before_each_step", retention_days=30
        )
    )
    async with snapshot_storage:
        saga = OrderSaga(
            context={"order_id": "123", "amount": 99.99},
            config=config,
            snapshot_storage=snapshot_storage,
            **more,
        )
        await saga.execute()
    return saga


async def test_quick_start_record_and_replay(snapshot_storage: Any) -> None:
    saga = await fail_an_order(snapshot_storage)
    replay = SagaReplay(saga_id=saga.saga_id, snapshot_storage=snapshot_storage)
    result = await replay.from_checkpoint(
        step_name="charge_payment",
        context_override={"payment_token": "corrected", "retry_attempt": 2},
    )
    assert result.status == "success"
    assert result.new_saga_id != saga.saga_id
    assert result.original_saga_id == saga.saga_id
    assert result.error_message is None
    assert DONE == ["reserved", "released for 123", "reserved", "charged", "shipped"]


async def test_quick_start_a_replay_that_fails_has_an_error_message(snapshot_storage: Any) -> None:
    saga = await fail_an_order(snapshot_storage)
    replay = SagaReplay(saga_id=saga.saga_id, snapshot_storage=snapshot_storage)
    result = await replay.from_checkpoint(step_name="charge_payment", context_override={})
    assert result.status == "failed"
    assert "the gateway is down" in (result.error_message or "")


async def test_quick_start_the_state_at_a_moment(snapshot_storage: Any) -> None:
    saga = await fail_an_order(snapshot_storage)
    state = await SagaTimeTravel.get_state_at(
        saga_id=saga.saga_id, timestamp=datetime.now(UTC), snapshot_storage=snapshot_storage
    )
    assert state is not None
    assert state.status == "failed"
    assert state.completed_steps == ["reserve_inventory"]
    assert state.context == {"order_id": "123", "amount": 99.99}
    earlier = await SagaTimeTravel.get_state_at(
        saga_id=saga.saga_id,
        timestamp=datetime(2024, 12, 15, 10, 30, tzinfo=UTC),
        snapshot_storage=snapshot_storage,
    )
    assert earlier is None


async def test_pattern_one_every_failed_order_is_replayed_once(snapshot_storage: Any) -> None:
    for number in range(5):
        await fail_an_order(snapshot_storage, saga_id=f"order_{number}")
    await fail_an_order(snapshot_storage, saga_id="refund_1")
    DONE.clear()
    for expected in (5, 0):
        failed_sagas = await snapshot_storage.list_snapshots(
            saga_id_prefix="order_", status="failed"
        )
        assert len(failed_sagas) == expected
        for snapshot in failed_sagas:
            replay = SagaReplay(snapshot.saga_id, snapshot_storage)
            await replay.from_checkpoint(
                step_name="charge_payment", context_override={"payment_gateway": "backup"}
            )
    assert (DONE.count("charged"), DONE.count("shipped")) == (5, 5)


async def test_pattern_two_a_forced_failure_shows_the_compensations(snapshot_storage: Any) -> None:
    context = {"order_id": "123", "payment_token": "good"}
    saga = OrderSaga(context=context, snapshot_storage=snapshot_storage)
    assert (await saga.execute()).status == "completed"
    DONE.clear()
    replay = SagaReplay(saga.saga_id, snapshot_storage)
    result = await replay.from_checkpoint(
        step_name="ship_order", force_failure=True, context_override={"test_mode": True}
    )
    assert result.status == "failed"
    assert DONE == ["refunded chg-1", "released for 123"]


async def test_pattern_three_an_audit_reads_the_state_of_a_date(snapshot_storage: Any) -> None:
    recorded = SagaSnapshot(
        saga_id="patient-7",
        saga_name="ConsentSaga",
        context={"patient_id": "p7", "consent_status": "given"},
        created_at=datetime(2024, 7, 1, tzinfo=UTC),
    )
    await snapshot_storage.save_snapshot(recorded)
    state = await SagaTimeTravel.get_state_at(
        saga_id="patient-7",
        timestamp=datetime(2024, 7, 15, 14, 30, tzinfo=UTC),
        snapshot_storage=snapshot_storage,
    )
    assert state is not None
    assert (state.saga_id, state.created_at) == ("patient-7", recorded.created_at)
    assert state.status == "executing"
    assert (state.context["patient_id"], state.context["consent_status"]) == ("p7", "given")


async def test_a_dry_run_validates_and_calls_nothing(snapshot_storage: Any) -> None:
    saga = await fail_an_order(snapshot_storage)
    before = list(DONE)
    replay = SagaReplay(saga.saga_id, snapshot_storage)
    result = await replay.from_checkpoint(step_name="charge_payment", dry_run=True)
    assert result.status == "valid"
    assert before == DONE
    wrong = await replay.from_checkpoint(
        step_name="charge_payment", context_override={"amount": "a lot"}, dry_run=True
    )
    assert wrong.status == "invalid"


class ConnectedOrderSaga(OrderSaga):
    """An order that needs services as well as a context."""

    def __init__(self, context: Any, *, inventory: Any, payment: Any) -> None:
        super().__init__(context=context)
        self.inventory = inventory
        self.payment = payment


class Service:
    @classmethod
    async def connect(cls) -> Service:
        return cls()


async def test_an_async_factory_makes_the_saga_of_a_replay(snapshot_storage: Any) -> None:
    saga = await fail_an_order(snapshot_storage)
    made: list[ConnectedOrderSaga] = []

    async def create_order_saga(context: dict[str, Any]) -> ConnectedOrderSaga:
        made.append(
            ConnectedOrderSaga(
                context=context,
                inventory=await Service.connect(),
                payment=await Service.connect(),
            )
        )
        return made[-1]

    result = await SagaReplay(saga.saga_id, snapshot_storage).from_checkpoint(
        step_name="charge_payment",
        saga_factory=create_order_saga,
        context_override={"payment_token": "good"},
    )
    assert result.status == "success"
    assert [each.saga_id for each in made] == [result.new_saga_id]
    assert made[0].snapshot_storage is snapshot_storage


async def test_error_handling_has_all_that_an_alert_needs(snapshot_storage: Any) -> None:
    saga = await fail_an_order(snapshot_storage)
    result = await SagaReplay(saga.saga_id, snapshot_storage).from_checkpoint("charge_payment")
    assert result.status != "success"
    assert (result.original_saga_id, bool(result.error_message)) == (saga.saga_id, True)


async def test_troubleshooting_a_saga_without_snapshots_has_an_empty_list(
    snapshot_storage: Any,
) -> None:
    assert not await snapshot_storage.list_snapshots("nobody")
    unrecorded = SagaConfig(replay_config=ReplayConfig(enable_snapshots=False))
    saga = OrderSaga({"order_id": "1"}, config=unrecorded, snapshot_storage=snapshot_storage)
    assert (await saga.execute()).status == "failed"
    assert not await snapshot_storage.list_snapshots(saga.saga_id)


async def test_troubleshooting_snapshots_that_have_expired_are_gone_and_said_to_be(
    snapshot_storage: Any,
) -> None:
    saga = await fail_an_order(snapshot_storage)
    in_a_month = datetime.now(UTC) + timedelta(days=31)
    assert await snapshot_storage.delete_expired_snapshots(in_a_month) > 0
    assert not await snapshot_storage.list_snapshots(saga.saga_id)
    with pytest.raises(SagaNotFoundError, match=saga.saga_id):
        await SagaReplay(saga.saga_id, snapshot_storage).from_checkpoint("charge_payment")


async def test_troubleshooting_an_override_that_does_not_fit_is_found_by_a_dry_run(
    snapshot_storage: Any,
) -> None:
    saga = await fail_an_order(snapshot_storage)
    replay = SagaReplay(saga.saga_id, snapshot_storage)
    result = await replay.from_checkpoint(
        step_name="charge_payment", context_override={"amount": "free"}, dry_run=True
    )
    assert result.status == "invalid"
    assert "/amount" in (result.error_message or "")
    real = await replay.from_checkpoint("charge_payment", context_override={"amount": "free"})
    assert real.status == "invalid"
    assert DONE == ["reserved", "released for 123"]


async def test_troubleshooting_a_service_that_is_still_down_fails_the_replay_and_can_be_asked_first(
    snapshot_storage: Any,
) -> None:
    saga = await fail_an_order(snapshot_storage)
    replay = SagaReplay(saga.saga_id, snapshot_storage)
    assert (await replay.from_checkpoint("charge_payment")).status == "failed"
    assert (await replay.from_checkpoint("charge_payment")).status == "failed"
    DONE.clear()
    token = {"payment_token": "good"}
    recovered = await replay.from_checkpoint("charge_payment", context_override=token)
    assert (recovered.status, DONE) == ("success", ["reserved", "charged", "shipped"])
