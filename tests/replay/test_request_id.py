"""A call made again with its request id runs nothing twice, however the first one went."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest

from sagaz_core.errors import PlanChangedError, ReplayInProgressError, UsageError
from sagaz_core.model import ReplayResult, SagaSnapshot, SagaSummary
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, Shop, let_lapse, run_order

ONCE = {"reserved": 1, "charged": 1, "shipped": 1}


async def call(storage: SnapshotStorage, request_id: str = "req-1", **how: Any) -> ReplayResult:
    how = {"step_name": "charge", "context_override": {"payment_token": "tok_new"}, **how}
    return await SagaReplay("order_1", storage).from_checkpoint(request_id=request_id, **how)


class PowerCutError(BaseException):
    """The process ends here."""


async def cut_power(*_: Any, **__: Any) -> None:
    raise PowerCutError


async def test_a_call_made_again_returns_the_first_ones_result(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    first = await call(any_storage)
    second = await call(any_storage)
    assert second == replace(first, plan=None)
    assert (second.status, second.new_saga_id) == ("success", "order_1~r1")
    assert ledger.balance() == ONCE
    (entry,) = await any_storage.list_replays("order_1")
    assert entry.request_id == "req-1"


async def test_a_failure_is_returned_again_too(storage: SnapshotStorage, ledger: Ledger) -> None:
    await run_order(storage)
    first = await call(storage, context_override={})
    done = list(ledger.entries)
    second = await call(storage)
    assert second == replace(first, plan=None)
    assert (second.status, second.compensation) == ("failed", "completed")
    assert second.error_message == "charge: CardDeclinedError: token expired"
    assert ledger.entries == done


async def test_another_request_is_another_replay(storage: SnapshotStorage, ledger: Ledger) -> None:
    await run_order(storage)
    await call(storage, context_override={})
    result = await call(storage, "req-2")
    assert (result.status, result.new_saga_id) == ("success", "order_1~r2")
    assert ledger.balance() == ONCE


async def test_a_request_id_belongs_to_one_step(storage: SnapshotStorage) -> None:
    await run_order(storage)
    await call(storage)
    with pytest.raises(UsageError, match="'req-1' was for a replay from step 'charge'"):
        await call(storage, step_name="reserve")


@pytest.mark.parametrize("request_id", ["", "a\nb", "\udce4", "x" * 257])
async def test_what_cannot_name_a_call_is_refused(
    storage: SnapshotStorage, request_id: str
) -> None:
    with pytest.raises(UsageError, match="1 to 256 printable characters"):
        await call(storage, request_id)


async def test_two_calls_of_a_request_at_the_same_time_run_it_once(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    outcomes = await asyncio.gather(*(call(any_storage) for _ in range(3)), return_exceptions=True)
    assert ledger.balance() == ONCE
    for outcome in outcomes:
        if isinstance(outcome, ReplayResult):
            assert (outcome.status, outcome.new_saga_id) == ("success", "order_1~r1")
        else:
            assert isinstance(outcome, ReplayInProgressError | PlanChangedError)


async def test_a_request_that_was_answered_while_another_call_of_it_planned_is_not_run_again(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)

    async def slow_factory(context: dict[str, Any]) -> Shop:
        await call(any_storage)
        return Shop(context)

    result = await call(any_storage, saga_factory=slow_factory)
    assert (result.status, result.new_saga_id) == ("success", "order_1~r1")
    assert ledger.balance() == ONCE


async def test_a_request_that_failed_before_another_call_of_it_planned_is_not_run_again(
    any_storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(any_storage)
    get_saga = any_storage.get_saga

    async def get_saga_and_be_late(saga_id: str) -> SagaSummary | None:
        monkeypatch.setattr(any_storage, "get_saga", get_saga)
        await call(any_storage, context_override={})
        return await get_saga(saga_id)

    monkeypatch.setattr(any_storage, "get_saga", get_saga_and_be_late)
    result = await call(any_storage)
    assert (result.status, result.new_saga_id) == ("failed", "order_1~r1")
    assert len(await any_storage.list_family("order_1")) == 2


async def test_a_request_whose_run_is_alive_is_in_progress(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    ledger.gate = asyncio.Event()
    first = asyncio.create_task(call(storage))
    async for snapshot in storage.follow("order_1~r1"):
        if snapshot.step_name == "charge":
            break
    with pytest.raises(ReplayInProgressError, match="order_1~r1"):
        await call(storage)
    ledger.gate.set()
    assert (await first).status == "success"
    assert (await call(storage)).status == "success"
    assert ledger.balance() == ONCE


async def test_a_request_that_ends_while_another_call_of_it_looks_returns_that_end(
    any_storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(any_storage)
    gate = ledger.gate = asyncio.Event()
    first = asyncio.create_task(call(any_storage))
    async for snapshot in any_storage.follow("order_1~r1"):
        if snapshot.step_name == "charge":
            break
    resume = SagaReplay.resume

    async def slowly(replay: SagaReplay, **how: Any) -> ReplayResult:
        gate.set()
        await first
        return await resume(replay, **how)

    monkeypatch.setattr(SagaReplay, "resume", slowly)
    assert await call(any_storage) == replace(await first, plan=None)
    assert ledger.balance() == ONCE


async def test_a_request_that_was_named_and_never_began_runs_under_that_very_id(
    any_storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(any_storage)
    await name_and_die(any_storage, monkeypatch)
    result = await call(any_storage)
    assert (result.status, result.new_saga_id) == ("success", "order_1~r1")
    assert len(await any_storage.list_replays("order_1")) == 1
    assert ledger.balance() == ONCE


async def test_a_request_that_begins_while_another_call_of_it_plans_is_left_to_go_on(
    any_storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(any_storage)
    await name_and_die(any_storage, monkeypatch)
    family = await any_storage.get_family("order_1")
    assert family is not None

    async def slow_factory(context: dict[str, Any]) -> Shop:
        writer = any_storage.writer(
            saga_id="order_1~r1",
            saga_name="Shop",
            root_id="order_1",
            parent_id="order_1",
            fence=family.fence,
        )
        await writer.append(capture(SagaSnapshot(saga_id="order_1~r1", saga_name="Shop")))
        await let_lapse(any_storage)
        return Shop(context)

    with pytest.raises(PlanChangedError, match="another call of the same request has begun it"):
        await call(any_storage, saga_factory=slow_factory)
    assert ledger.verbs("order_1~r1") == []


async def test_a_request_that_was_interrupted_goes_on_as_the_same_saga(
    any_storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(any_storage)
    with monkeypatch.context() as patch:
        patch.setattr(Shop, "ship", cut_power)
        patch.setattr("sagaz_core.replay.running.close_log", _nothing)
        with pytest.raises(PowerCutError):
            await call(any_storage)
    with pytest.raises(ReplayInProgressError, match="order_1~r1"):
        await call(any_storage)
    await let_lapse(any_storage)
    asked = await call(any_storage)
    assert (asked.status, asked.new_saga_id) == ("invalid", "order_1~r1")
    assert "ship" in (asked.error_message or "")
    result = await call(any_storage, in_doubt="retry")
    assert (result.status, result.new_saga_id) == ("success", "order_1~r1")
    assert result.original_saga_id == "order_1"
    assert await call(any_storage) == replace(result, started_at=ANY, finished_at=ANY)
    assert len(await any_storage.list_replays("order_1")) == 1
    assert ledger.balance() == ONCE


async def test_a_request_that_is_gone_on_with_can_be_stopped_after_its_step(
    storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(storage)
    with monkeypatch.context() as patch:
        patch.setattr(Shop, "charge", cut_power)
        patch.setattr("sagaz_core.replay.running.close_log", _nothing)
        with pytest.raises(PowerCutError):
            await call(storage)
    await let_lapse(storage)
    ledger.gate = asyncio.Event()
    replay = SagaReplay("order_1", storage)
    running = asyncio.create_task(
        replay.from_checkpoint("charge", in_doubt="retry", request_id="req-1")
    )
    await ledger.waiting.wait()
    assert replay.stop()
    ledger.gate.set()
    result = await running
    assert (result.status, result.compensation) == ("failed", "completed")
    assert "asked to stop" in (result.error_message or "")
    assert ledger.verbs("order_1~r1") == ["reserve", "charge", "refund", "release"]


async def test_a_request_whose_end_never_reached_the_log_is_known_from_its_saga(
    storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(storage)
    with monkeypatch.context() as patch:
        patch.setattr("sagaz_core.replay.running.close_log", _nothing)
        first = await call(storage)
    second = await call(storage)
    assert (second.status, second.context) == ("success", first.context)
    assert ledger.balance() == ONCE


async def test_a_dry_run_asks_for_nothing_and_answers_as_ever(storage: SnapshotStorage) -> None:
    await run_order(storage)
    await call(storage)
    assert (await call(storage, dry_run=True)).status == "invalid"
    assert (await call(storage, dry_run=True, again=True)).status == "valid"


async def _nothing(*_: Any) -> None:
    pass


async def name_and_die(storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a call whose process dies once it has named the new saga, and let its lease lapse."""
    with monkeypatch.context() as patch:
        patch.setattr(Shop, "execute_from", cut_power)
        patch.setattr("sagaz_core.replay.running.close_log", _nothing)
        with pytest.raises(PowerCutError):
            await call(storage)
    named = await storage.get_replay_log("order_1~r1")
    assert named is not None
    assert (named.outcome, await storage.get_saga("order_1~r1")) == ("running", None)
    with pytest.raises(ReplayInProgressError, match="order_1~r1"):
        await call(storage)
    await let_lapse(storage)
