"""Going on with an interrupted saga, in the same saga."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagaz_core.config import SnapshotStrategy
from sagaz_core.errors import (
    LeaseLostError,
    NotResumableError,
    ReplayInProgressError,
    SagaNotFoundError,
)
from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import (
    WORLD,
    Careful,
    Chain,
    Moment,
    Tape,
    recorded_by,
    run_on_tape,
)
from tests.replay.shop import Ledger, Shop, let_lapse, order

AT_ONCE = 0.000001
"""A lease's term in seconds that has lapsed by the time anybody looks."""


async def die_at(
    saga_class: type[Chain], kind: str, step: str | None = None, **context: Any
) -> tuple[SnapshotStorage, Moment]:
    """Return what a run left that died right after this checkpoint."""
    tape, _ = await run_on_tape(saga_class, {"fails": None, **context})
    for number, entry in enumerate(await SnapshotStorage(tape).list_checkpoints("s")):
        if (entry.kind, entry.step_name) == (kind, step):
            moment = tape.moments()[number]
            WORLD.restore(moment.at_the_next)
            return SnapshotStorage(moment.tape), moment
    raise AssertionError(f"there is no {kind} of {step}")


async def resume(storage: SnapshotStorage, **how: Any) -> ReplayResult:
    return await SagaReplay("s", storage, initiated_by="ops@bastion").resume(**how)


async def test_recorded_steps_do_not_run_again_and_what_was_under_way_does() -> None:
    storage, _ = await die_at(Chain, "before_step", "c")
    result = await resume(storage)
    assert (result.status, result.new_saga_id, result.original_saga_id) == ("success", "s", "s")
    assert WORLD.done == {"s:a": 1, "s:b": 1, "s:c": 2, "s:d": 1}


async def test_the_history_goes_on_and_shows_who_went_on_with_it() -> None:
    storage, _ = await die_at(Chain, "before_step", "b")
    await resume(storage)
    timeline = await storage.list_checkpoints("s")
    assert [(entry.kind, entry.step_name or entry.label) for entry in timeline] == [
        ("before_step", "a"),
        ("before_step", "b"),
        ("manual", "resumed by ops@bastion"),
        ("before_step", "b"),
        ("before_step", "c"),
        ("before_step", "d"),
        ("completed", None),
    ]
    assert [entry.sequence for entry in timeline] == [1, 2, 3, 4, 5, 6, 7]
    assert timeline[2].running_steps == ("b",)


@pytest.mark.parametrize(
    ("choice", "asked"), [("retry", {"s:b": 2}), ("skip", {"s:b": 1})], ids=["retry", "skip"]
)
async def test_a_step_that_may_not_run_twice_asks_for_a_choice(
    choice: str, asked: dict[str, int]
) -> None:
    storage, moment = await die_at(Careful, "before_step", "b")
    before = moment.tape.left_by_the_dead().__dict__
    result = await resume(storage)
    assert result.status == "invalid"
    assert result.error_message == (
        "saga 's' was interrupted while 'b' was under way, and whether it happened is not known; "
        "find out, then choose in_doubt='skip' (--in-doubt skip) if it happened or 'retry' if it "
        "did not"
    )
    assert WORLD.done == {"s:a": 1, "s:b": 1}
    assert moment.tape.left_by_the_dead()._sagas == before["_sagas"]
    assert moment.tape._families["s"].fence == before["_families"]["s"].fence

    result = await resume(storage, in_doubt=choice)
    assert result.status == "success"
    assert WORLD.done == {"s:a": 1, **asked, "s:c": 1, "s:d": 1}


async def test_a_skipped_step_is_done_and_has_no_result() -> None:
    storage, _ = await die_at(Careful, "before_step", "b")
    await resume(storage, in_doubt="skip")
    latest = await storage.get_latest_snapshot("s")
    assert latest is not None
    assert latest.completed_steps == ["a", "b", "c", "d"]
    assert list(latest.results) == ["a", "c", "d"]
    labels = [entry.label for entry in await storage.list_checkpoints("s") if entry.label]
    assert labels == ["resumed by ops@bastion; taken as done: b"]


async def test_what_is_not_interrupted_is_not_resumed() -> None:
    tape, _ = await run_on_tape(Chain, {"fails": None})
    with pytest.raises(NotResumableError, match="has completed: only one that was interrupted"):
        await resume(SnapshotStorage(tape))
    tape, _ = await run_on_tape(Chain, {"fails": "b"})
    with pytest.raises(NotResumableError, match="replay it from the step that failed"):
        await resume(SnapshotStorage(tape))
    with pytest.raises(SagaNotFoundError):
        await resume(SnapshotStorage(Tape()))


async def test_a_run_that_is_alive_is_not_resumed() -> None:
    storage, _ = await die_at(Chain, "before_step", "b")
    await storage.acquire_lease("s", owner="me@here:1", holder="s~r1")
    with pytest.raises(ReplayInProgressError, match="s~r1"):
        await resume(storage)


async def test_it_goes_on_in_every_store(any_storage: SnapshotStorage) -> None:
    tape, _ = await run_on_tape(Chain, {"fails": None})
    moment = tape.moments()[1]
    WORLD.restore(moment.at_the_next)
    left = SnapshotStorage(moment.tape)
    run = await left.get_run("s")
    writer = any_storage.writer(
        saga_id="s", saga_name="Chain", code=run.code, fence=1, claim=True, term=AT_ONCE
    )
    async for snapshot in left.iter_checkpoints("s"):
        await writer.append(capture(snapshot), run=run)
    result = await resume(any_storage)
    assert result.status == "success"
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
