"""Going on with an interrupted saga, in the same saga."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sagaz_core.config import SnapshotStrategy
from sagaz_core.errors import (
    LeaseLostError,
    NotResumableError,
    ReadOnlyStoreError,
    ReplayInProgressError,
    SagaNotFoundError,
    UsageError,
)
from sagaz_core.model import ReplayResult, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.base import Append, Outcome
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


class Gossip(Chain):
    """A chain that counts its steps, and records its state in the middle of each."""

    async def do(self, ctx: Any) -> dict[str, Any]:
        ctx["count"] = ctx.get("count", 0) + 1
        await self.checkpoint("counted")
        return await super().do(ctx)


async def die_at(
    saga_class: type[Chain],
    kind: str,
    step: str | None = None,
    *,
    strategy: SnapshotStrategy = "before_each_step",
    **context: Any,
) -> tuple[SnapshotStorage, Moment]:
    """Return what a run left that died right after this checkpoint."""
    tape, _ = await run_on_tape(saga_class, {"fails": None, **context}, strategy)
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


async def test_what_a_step_had_changed_when_it_was_cut_short_is_discarded() -> None:
    storage, _ = await die_at(Gossip, "manual", "b")
    await resume(storage)
    latest = await storage.get_latest_snapshot("s")
    assert latest is not None
    assert latest.context["count"] == 4
    touches = [
        (touch.sequence, touch.step_name) for touch in await storage.list_changes("s", key="count")
    ]
    timeline = {entry.sequence: entry for entry in await storage.list_checkpoints("s")}
    resumed = next(
        number for number, entry in timeline.items() if entry.label and "by" in entry.label
    )
    assert (resumed, "b") in touches


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


# ---------------------------------------------------------------- what stands against it


async def test_a_run_after_which_another_of_its_family_has_acted_is_not_resumed() -> None:
    storage, _ = await die_at(Chain, "before_step", "c")
    await SagaReplay("s", storage).from_checkpoint("b")
    with pytest.raises(NotResumableError, match="s~r1 of its family has run since"):
        await resume(storage)


async def test_one_whose_steps_were_not_recorded_is_not_resumed() -> None:
    storage, _ = await die_at(Gossip, "manual", "b", strategy="manual")
    with pytest.raises(NotResumableError, match="its steps were not recorded while it ran"):
        await resume(storage)


async def test_one_of_whose_checkpoints_some_were_deleted_is_not_resumed() -> None:
    storage, _ = await die_at(Chain, "before_step", "c")
    await storage.delete_snapshot((await storage.list_checkpoints("s"))[0].snapshot_id)
    with pytest.raises(NotResumableError, match="some of its checkpoints were deleted"):
        await resume(storage)


async def test_one_that_was_recorded_without_a_lease_is_not_resumed() -> None:
    storage = SnapshotStorage(Tape())
    await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="Chain"))
    with pytest.raises(NotResumableError, match="recorded without a lease"):
        await resume(storage)


async def test_one_of_another_engine_needs_code() -> None:
    storage = SnapshotStorage(Tape())
    recorder = SagaRecorder(storage, saga_id="s", saga_name="Chain")
    await recorder.__aenter__()
    async with recorder.step("a", {"n": 1}):
        pass
    recorder.stop()
    await let_lapse(storage, "s")
    result = await resume(storage)
    assert result.status == "invalid"
    assert "recorded by another engine" in str(result.error_message)


class ShorterChain(Saga):
    """A chain of which the last two steps were taken away."""

    async def build(self) -> None:
        for name in "ab":
            await self.add_step(name, print)


async def test_code_that_no_longer_fits_is_refused_and_nothing_runs() -> None:
    storage, moment = await die_at(Chain, "before_step", "b")
    result = await SagaReplay("s", storage, saga_factory=ShorterChain).resume()
    assert (result.status, result.new_saga_id) == ("invalid", "s")
    assert "saga 's' cannot be resumed: step 'c' was recorded" in str(result.error_message)
    assert moment.at_the_next == WORLD


@pytest.mark.parametrize("how", ["wrong word", "read-only"])
async def test_wrong_use_is_told(how: str) -> None:
    storage, moment = await die_at(Chain, "before_step", "b")
    if how == "wrong word":
        with pytest.raises(UsageError, match="in_doubt is 'maybe'; use one of retry, skip"):
            await resume(storage, in_doubt="maybe")
    else:
        with pytest.raises(ReadOnlyStoreError, match="open it for writing"):
            await resume(SnapshotStorage(moment.tape, read_only=True))


# ---------------------------------------------------------------- what is told later


async def plan_from(storage: SnapshotStorage, step: str) -> dict[str, tuple[str, str]]:
    result = await SagaReplay("s", storage).from_checkpoint(step, dry_run=True)
    assert result.plan is not None
    return {step.name: (step.fate, step.note) for step in result.plan.steps}


async def test_a_step_that_ran_again_is_in_doubt_no_more() -> None:
    storage, _ = await die_at(Chain, "before_step", "b")
    before = await plan_from(storage, "b")
    assert before["b"][0] == "in_doubt"
    await resume(storage)
    after = await plan_from(storage, "b")
    assert after["b"] == ("runs", "it ran in s and was not undone: this does it a second time")


@pytest.mark.parametrize(
    ("strategy", "kind", "in_doubt"),
    [("after_each_step", "after_step", ["b"]), ("manual", "manual", ["a", "b", "c", "d"])],
)
async def test_what_may_have_run_unseen_is_in_doubt(
    strategy: SnapshotStrategy, kind: str, in_doubt: list[str]
) -> None:
    storage, _ = await die_at(Gossip, kind, "a", strategy=strategy)
    fates = await plan_from(storage, in_doubt[0])
    assert [name for name, (fate, _) in fates.items() if fate == "in_doubt"] == in_doubt


async def test_a_step_that_was_taken_as_done_counts_as_done() -> None:
    storage, _ = await die_at(Careful, "before_step", "b")
    await resume(storage, in_doubt="skip")
    assert (await plan_from(storage, "c"))["b"] == ("restored", "")
    assert (await plan_from(storage, "b"))["b"][0] == "runs"


async def test_a_step_that_was_not_come_to_again_stays_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage, moment = await die_at(Chain, "before_step", "b")
    going_on = asyncio.create_task(resume(storage))
    append = moment.tape.append

    async def append_and_cancel(appends: Sequence[Append]) -> list[Outcome]:
        if appends[0].entry is not None and appends[0].entry.kind == "before_step":
            going_on.cancel()
        return await append(appends)

    monkeypatch.setattr(moment.tape, "append", append_and_cancel)
    with pytest.raises(asyncio.CancelledError):
        await going_on
    saga = await storage.get_saga("s")
    assert saga is not None
    assert (saga.status, saga.compensation) == ("failed", "completed")
    assert WORLD.undone == {"s:a": 1}
    assert (await plan_from(storage, "b"))["b"][0] == "in_doubt"
