"""One run of a family acts at a time; whoever comes second is told who does, and what to do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from sagaz_core.errors import PlanChangedError, ReplayInProgressError
from sagaz_core.model import ReplayResult, RunInfo, SagaSnapshot, StepInfo
from sagaz_core.process import process_owner
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.registry import code_of
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, Shop, let_lapse, order, run_order

NEW_TOKEN = {"payment_token": "tok_new"}
ONCE = {"reserved": 1, "charged": 1, "shipped": 1}


async def replay(storage: SnapshotStorage, step: str = "charge", **how: Any) -> ReplayResult:
    return await SagaReplay("order_1", storage).from_checkpoint(step, **how)


async def until_charging(storage: SnapshotStorage, saga_id: str) -> None:
    async for snapshot in storage.follow(saga_id):
        if snapshot.step_name == "charge":
            return


async def test_a_second_replay_at_the_same_time_is_refused(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    ledger.gate = asyncio.Event()
    first = asyncio.create_task(replay(any_storage, context_override=NEW_TOKEN))
    await until_charging(any_storage, "order_1~r1")
    with pytest.raises(ReplayInProgressError, match="order_1~r1 of this family is running"):
        await replay(any_storage, context_override=NEW_TOKEN)
    planned = await replay(any_storage, context_override=NEW_TOKEN, dry_run=True)
    assert planned.status == "valid"
    assert planned.plan is not None
    assert any("is running" in note for note in planned.plan.notes)
    ledger.gate.set()
    assert (await first).status == "success"
    assert ledger.balance() == ONCE


async def test_who_comes_second_is_told_who_acts_since_when_and_how_to_take_over(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    ledger.gate = asyncio.Event()
    first = asyncio.create_task(replay(any_storage, context_override=NEW_TOKEN))
    await until_charging(any_storage, "order_1~r1")
    log = await any_storage.get_replay_log("order_1~r1")
    refusals = []
    with pytest.raises(ReplayInProgressError) as refused:
        await replay(any_storage)
    refusals.append(refused.value)
    with pytest.raises(ReplayInProgressError) as refused:
        await any_storage.acquire_lease("order_1", owner="ben", holder="order_1~r2")
    refusals.append(refused.value)
    ledger.gate.set()
    await first
    assert log is not None
    for error in refusals:
        assert (error.holder, error.owner) == ("order_1~r1", process_owner())
        assert abs((error.since - log.started_at).total_seconds()) < 60
        assert re.fullmatch(
            r"order_1~r1 of this family is running, by \S+@\S+:\d+, since "
            r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00; wait until it has ended, and plan again\. If "
            r"its process has died, `sagaz resume 'order_1~r1'` takes it over \d+ s from now",
            str(error),
        )


async def test_of_two_replays_begun_together_one_runs(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    outcomes = await asyncio.gather(
        *(
            replay(any_storage, step, context_override=NEW_TOKEN)
            for step in ("charge", "reserve", "charge")
        ),
        return_exceptions=True,
    )
    results = [outcome for outcome in outcomes if isinstance(outcome, ReplayResult)]
    refused = [o for o in outcomes if isinstance(o, ReplayInProgressError | PlanChangedError)]
    assert (len(results), len(refused)) == (1, 2)
    assert ledger.balance() == ONCE


async def test_an_original_that_still_runs_is_not_replayed(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    ledger.gate = asyncio.Event()
    original = asyncio.create_task(run_order(any_storage, context=order(payment_token="tok_new")))
    await until_charging(any_storage, "order_1")
    with pytest.raises(ReplayInProgressError, match="order_1 of this family"):
        await replay(any_storage)
    ledger.gate.set()
    await original


async def test_an_original_whose_process_died_is_replayed_once_its_heartbeat_has_lapsed(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await begin_order(any_storage)
    with pytest.raises(ReplayInProgressError, match="order_1 of this family is running, by ada"):
        await replay(any_storage)
    assert ledger.verbs() == []
    await let_lapse(any_storage)
    assert (await replay(any_storage)).status == "success"
    assert ledger.verbs() == ["charge", "ship"]


async def test_a_holder_of_which_nobody_heard_and_that_woke_up_since_makes_the_plan_stale(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    charge_and_end = await begin_order(any_storage)
    await let_lapse(any_storage)

    async def slow_factory(context: dict[str, Any]) -> Shop:
        await charge_and_end()
        return Shop(context)

    with pytest.raises(PlanChangedError, match="another run of this family has acted since"):
        await replay(any_storage, saga_factory=slow_factory)
    assert ledger.verbs() == []
    family = await any_storage.get_family("order_1")
    assert family is not None
    assert not family.held


async def test_an_original_that_ends_while_its_replay_is_planned_is_not_replayed_by_that_plan(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    gate = ledger.gate = asyncio.Event()
    original = asyncio.create_task(run_order(any_storage, context=order(payment_token="tok_new")))
    await until_charging(any_storage, "order_1")

    async def slow_factory(context: dict[str, Any]) -> Shop:
        gate.set()
        await original
        return Shop(context)

    with pytest.raises(ReplayInProgressError, match="plan again"):
        await replay(any_storage, saga_factory=slow_factory)
    assert ledger.balance() == ONCE


async def test_while_a_run_is_alive_that_is_the_reason_not_the_changed_plan(
    any_storage: SnapshotStorage,
) -> None:
    await run_order(any_storage)
    shown = await replay(any_storage, dry_run=True)
    assert shown.plan is not None
    lease = await any_storage.acquire_lease("order_1", owner="ada@bastion", holder="order_1~r1")
    with pytest.raises(ReplayInProgressError, match="ada@bastion"):
        await replay(any_storage, plan_digest=shown.plan.digest)
    await lease.release()


async def begin_order(storage: SnapshotStorage) -> Callable[[], Awaitable[None]]:
    """Record an order that is about to charge; the function returned lets it charge and end."""
    writer = storage.writer(
        saga_id="order_1", saga_name="Shop", code=code_of(Shop), claim=True, owner="ada@bastion"
    )
    steps = (StepInfo("reserve"), StepInfo("charge"), StepInfo("ship"))
    reserved = SagaSnapshot(
        saga_id="order_1",
        saga_name="Shop",
        kind="before_step",
        step_name="charge",
        context=order(payment_token="tok_new"),
        results={"reserve": {"reservation": "rsv-0"}},
        completed_steps=["reserve"],
    )
    await writer.append(capture(reserved), run=RunInfo(code=code_of(Shop), steps=steps))

    async def charge_and_end() -> None:
        ended = replace(
            reserved,
            snapshot_id="the end",
            kind="completed",
            status="completed",
            completed_steps=["reserve", "charge", "ship"],
        )
        await writer.append(capture(ended), release=True)

    return charge_and_end
