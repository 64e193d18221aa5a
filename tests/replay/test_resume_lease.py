"""Who goes on with a saga, and whoever held it before: only one of them acts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from sagaz_core.config import SnapshotStrategy
from sagaz_core.errors import (
    LeaseLostError,
    NotResumableError,
    PlanChangedError,
    ReplayInProgressError,
)
from sagaz_core.model import ReplayResult, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.capture import capture
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import (
    WORLD,
    Chain,
    die_at,
    recorded_by,
    run_on_tape,
)
from tests.replay.shop import Ledger, Shop, let_lapse, order, run_order


async def resume(storage: SnapshotStorage, **how: Any) -> ReplayResult:
    return await SagaReplay("s", storage, initiated_by="ops@bastion").resume(**how)


async def test_it_goes_on_in_every_store(any_storage: SnapshotStorage) -> None:
    tape, _ = await run_on_tape(Chain, {"fails": None})
    moment = tape.moments()[1]
    WORLD.restore(moment.at_the_next)
    left = SnapshotStorage(moment.tape)
    run = await left.get_run("s")
    writer = any_storage.writer(saga_id="s", saga_name="Chain", code=run.code, fence=1, claim=True)
    async for snapshot in left.iter_checkpoints("s"):
        await writer.append(capture(snapshot), run=run)
    await let_lapse(any_storage, "s")
    result = await resume(any_storage, reason="the host died")
    assert result.status == "success"
    begun, ended = await any_storage.list_audit_events("s")
    assert (begun.event, begun.by, begun.details["reason"]) == (
        *("resumed", "ops@bastion"),
        "the host died",
    )
    assert ended.event == "resume ended"
    assert WORLD.done == {"s:a": 1, "s:b": 2, "s:c": 1, "s:d": 1}
    saga = await any_storage.get_saga("s")
    assert saga is not None
    assert (saga.status, saga.checkpoints) == ("completed", 7)
    family = await any_storage.get_family("s")
    assert family is not None
    assert (family.fence, family.held, family.holder) == (2, False, "s")


@pytest.mark.parametrize("strategy", ["before_each_step", "after_each_step"])
async def test_a_former_holder_that_is_alive_after_all_stops_and_undoes_nothing(
    any_storage: SnapshotStorage, ledger: Ledger, strategy: SnapshotStrategy
) -> None:
    gate = ledger.gate = asyncio.Event()
    saga = Shop(
        order(payment_token="tok_new"),
        saga_id="order_1",
        snapshot_storage=any_storage,
        config=recorded_by(strategy),
    )
    former = asyncio.create_task(saga.execute())
    await ledger.waiting.wait()
    await let_lapse(any_storage)
    ledger.gate = None
    replay = SagaReplay("order_1", any_storage)
    assert (await replay.resume(in_doubt="retry")).status == "success"
    gate.set()
    result = await former
    assert isinstance(result.error, LeaseLostError)
    # What was under way cannot be recalled.
    assert ledger.verbs() == ["reserve", "charge", "ship", "charge"]
    saga_now = await any_storage.get_saga("order_1")
    assert saga_now is not None
    assert saga_now.status == "completed"


async def test_a_former_holder_that_wakes_up_just_before_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage, _ = await die_at(Chain, "before_step", "b")
    acquire = storage.acquire_lease

    async def wake_up_first(*args: Any, **kwargs: Any) -> Lease:
        writer = storage.writer(saga_id="s", saga_name="Chain", fence=1, owner="the former")
        await writer.append(capture(SagaSnapshot(saga_id="s", saga_name="Chain")))
        await let_lapse(storage, "s")
        return await acquire(*args, **kwargs)

    monkeypatch.setattr(storage, "acquire_lease", wake_up_first)
    before = dict(WORLD.done)
    with pytest.raises(PlanChangedError, match="the saga itself has gone on since"):
        await resume(storage)
    assert before == WORLD.done
    monkeypatch.undo()
    saga = await storage.get_saga("s")
    assert saga is not None
    assert saga.status == "interrupted"


async def test_the_log_is_left_to_whoever_has_taken_over(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    gates = [asyncio.Event()]
    ledger.gate = gates[0]
    original = SagaReplay("order_1", storage)
    new_token = {"payment_token": "tok_new"}
    first = asyncio.create_task(original.from_checkpoint("charge", context_override=new_token))
    await ledger.waiting.wait()
    for _ in range(2):
        await let_lapse(storage)
        ledger.waiting.clear()
        gates.append(asyncio.Event())
        ledger.gate = gates[-1]
        former = first
        first = asyncio.create_task(SagaReplay("order_1~r1", storage).resume(in_doubt="retry"))
        await ledger.waiting.wait()
    gates[-1].set()
    assert (await first).status == "success"
    for gate in gates:
        gate.set()
    assert (await former).status == "failed"
    log = await storage.get_replay_log("order_1~r1")
    assert log is not None
    assert (log.outcome, log.finished_at) == ("success", first.result().finished_at)


async def test_of_two_that_resume_at_the_same_moment_one_runs(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    ledger.gate = asyncio.Event()
    saga = Shop(order(payment_token="tok_new"), saga_id="order_1", snapshot_storage=any_storage)
    former = asyncio.create_task(saga.execute())
    await ledger.waiting.wait()
    await let_lapse(any_storage)
    ledger.gate = None
    results = await asyncio.gather(
        *(SagaReplay("order_1", any_storage).resume(in_doubt="retry") for _ in range(3)),
        return_exceptions=True,
    )
    ran = [result for result in results if isinstance(result, ReplayResult)]
    assert [result.status for result in ran] == ["success"]
    refused = (ReplayInProgressError, PlanChangedError, NotResumableError)
    assert sum(isinstance(result, refused) for result in results) == 2
    assert ledger.verbs() == ["reserve", "charge", "ship"]
    former.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await former
    assert ledger.verbs() == ["reserve", "charge", "ship"]
