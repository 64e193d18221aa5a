"""A program with an engine of its own is recorded, replayed and gone on with like any saga."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.errors import (
    LeaseLostError,
    NotResumableError,
    ReplayInProgressError,
    SagaFactoryError,
)
from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay import plain_program
from tests.replay.plain_program import DONE, Fulfilment, fulfil, fulfilment
from tests.replay.shop import let_lapse

GOOD = {"card": "good"}


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    DONE.clear()


async def record(storage: SnapshotStorage, card: str = "stolen") -> None:
    """Record the program, which fails unless the card is good."""
    recorder = SagaRecorder(storage, saga_name="Fulfilment", saga_id="order_1")
    try:
        async with recorder:
            await fulfil({"item": "lamp", "card": card}, recorder)
    except PermissionError:
        pass


async def replay(
    storage: SnapshotStorage, step: str = "charge", *, of: str = "order_1", **how: Any
) -> ReplayResult:
    return await SagaReplay(of, storage).from_checkpoint(
        step, **{"saga_factory": fulfilment, "context_override": GOOD, **how}
    )


def codes(result: ReplayResult) -> list[str]:
    assert result.plan is not None
    return [problem.code for problem in result.plan.problems]


def fates(result: ReplayResult) -> dict[str, str]:
    assert result.plan is not None
    return {step.name: step.fate for step in result.plan.steps}


async def test_it_goes_on_from_the_step_that_failed_as_a_new_saga(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage)
    assert DONE == ["reserve"]
    result = await replay(any_storage)
    assert (result.status, result.new_saga_id) == ("success", "order_1~r1")
    assert DONE == ["reserve", "charge", "ship"]
    assert result.context == {"item": "lamp", "card": "good", "reserved": True, "shipped": True}
    kinds = [(s.kind, s.step_name) async for s in any_storage.iter_checkpoints("order_1~r1")]
    assert kinds == [("before_step", "charge"), ("before_step", "ship"), ("completed", None)]
    latest = await any_storage.get_latest_snapshot("order_1~r1")
    assert latest is not None
    assert latest.completed_steps == ["reserve", "charge", "ship"]
    assert latest.results == {"reserve": "rsv-1", "charge": "chg-1", "ship": None}
    root, branch = await any_storage.list_family("order_1")
    assert (root.status, root.recovered_by) == ("failed", "order_1~r1")
    assert (branch.saga_name, branch.parent_id) == ("Fulfilment", "order_1")
    (entry,) = await any_storage.list_replays("order_1")
    assert (entry.outcome, entry.replay_id) == ("success", "order_1~r1")


async def test_its_plan_knows_the_recorded_steps_and_claims_nothing_of_its_code(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage)
    result = await replay(any_storage, dry_run=True)
    assert result.status == "valid"
    assert fates(result) == {"reserve": "restored", "charge": "runs"}
    assert result.plan is not None
    assert {step.drift for step in result.plan.steps} == {None}
    assert DONE == ["reserve"]


async def test_a_failure_is_a_failed_replay_that_can_be_replayed_itself(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage)
    first = await replay(any_storage, context_override={"card": "expired"})
    assert (first.status, first.new_saga_id) == ("failed", "order_1~r1")
    assert first.error_message == "charge: PermissionError: the card was declined"
    second = await replay(any_storage, of="order_1~r1")
    assert (second.status, second.new_saga_id) == ("success", "order_1~r2")
    assert DONE == ["reserve", "charge", "ship"]


async def test_a_step_that_only_a_replay_has_come_to_can_be_replayed_from(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage)
    await replay(any_storage)
    result = await replay(any_storage, "ship", of="order_1~r1", again=True)
    assert result.status == "success"
    assert fates(result) == {"reserve": "restored", "charge": "restored", "ship": "runs"}
    assert DONE == ["reserve", "charge", "ship", "ship"]


async def test_it_may_read_what_the_steps_before_have_returned(
    any_storage: SnapshotStorage,
) -> None:
    seen: list[Any] = []

    class Reading:
        async def resume(self, context: Any, from_step: str, recorder: SagaRecorder) -> None:
            seen.extend((from_step, recorder.completed_steps, recorder.results))

    await record(any_storage)
    result = await replay(any_storage, saga_factory=lambda _: Reading())
    assert result.status == "success"
    assert seen == ["charge", ("reserve",), {"reserve": "rsv-1"}]


async def test_a_step_can_be_made_to_fail(any_storage: SnapshotStorage) -> None:
    await record(any_storage, "good")
    DONE.clear()
    result = await replay(any_storage, force_failure="ship")
    assert result.status == "failed"
    assert "the failure of step 'ship' was asked for" in (result.error_message or "")
    assert DONE == ["charge"]


# ---------------------------------------------------------------- what was undone since


async def record_and_undo(storage: SnapshotStorage) -> None:
    """Record a program that takes its reservation back when the charge fails."""
    recorder = SagaRecorder(storage, saga_name="Fulfilment", saga_id="order_1")
    order = {"item": "lamp", "card": "stolen"}
    try:
        async with recorder:
            try:
                await fulfil(order, recorder)
            except PermissionError:
                done = {"step_name": "reserve", "completed_steps": ["reserve"]}
                await recorder.checkpoint("before_compensation", order, **done)
                await recorder.checkpoint(
                    "after_compensation", order, compensated_steps=["reserve"], **done
                )
                raise
    except PermissionError:
        pass


async def test_what_was_undone_since_cannot_be_redone_by_it_and_the_plan_says_what_to_do(
    any_storage: SnapshotStorage,
) -> None:
    await record_and_undo(any_storage)
    result = await replay(any_storage)
    assert (result.status, codes(result)) == ("invalid", ["cannot_redo"])
    assert "'reserve' did was undone since" in (result.error_message or "")
    assert "start from 'reserve'" in (result.error_message or "")
    assert "--compensated keep" in (result.error_message or "")
    assert DONE == ["reserve"]


async def test_it_starts_from_what_was_undone_or_takes_it_as_done(
    any_storage: SnapshotStorage,
) -> None:
    await record_and_undo(any_storage)
    kept = await replay(any_storage, compensated="keep", context_override={"card": "expired"})
    assert (kept.status, fates(kept)["reserve"]) == ("failed", "restored_in_name")
    result = await replay(any_storage, "reserve")
    assert result.status == "success"
    assert DONE == ["reserve", "reserve", "charge", "ship"]


# ---------------------------------------------------------------- what it cannot do


async def test_it_cannot_be_rehearsed_and_that_is_said_in_a_sentence(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage)
    with pytest.raises(SagaFactoryError, match="by an engine of your own cannot be rehearsed"):
        await replay(any_storage, simulate=True)
    assert DONE == ["reserve"]


class Synchronous:
    def resume(self, *_: Any) -> None:
        raise AssertionError("it is not called")


@pytest.mark.parametrize("made", [None, fulfil, Synchronous()])
async def test_what_is_neither_a_saga_nor_an_engine_is_named(
    storage: SnapshotStorage, made: Any
) -> None:
    await record(storage)
    result = await replay(storage, saga_factory=lambda _: made)
    assert (result.status, codes(result)) == ("invalid", ["factory_failed"])
    assert f"returned {type(made).__name__}, which is no Saga and has no `async def resume" in str(
        result.error_message
    )


async def test_the_recorder_it_is_given_has_begun_already(storage: SnapshotStorage) -> None:
    class Twice:
        async def resume(self, context: Any, from_step: str, recorder: SagaRecorder) -> None:
            async with recorder:
                await fulfil(context, recorder, from_step)

    await record(storage)
    result = await replay(storage, saga_factory=lambda _: Twice())
    assert result.status == "failed"
    assert "has begun already; use its step() as it is" in (result.error_message or "")
    assert DONE == ["reserve"]


async def test_it_acts_no_more_once_another_run_has_taken_over(
    any_storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(any_storage)

    async def be_taken_over(_order: dict[str, Any]) -> None:
        with pytest.raises(ReplayInProgressError):
            await replay(any_storage)
        await let_lapse(any_storage)
        await any_storage.acquire_lease("order_1", owner="ben", holder="order_1~r2")

    monkeypatch.setitem(plain_program.STEPS, "charge", be_taken_over)
    result = await replay(any_storage)
    assert result.status == "failed"
    assert LeaseLostError.__name__ in (result.error_message or "")
    assert DONE == ["reserve"]
    entry = await any_storage.get_replay_log("order_1~r1")
    assert entry is not None
    assert entry.outcome == "running"


# ---------------------------------------------------------------- going on


class PulledPlugError(BaseException):
    """The process ends here."""


async def interrupt(storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replay it in a process that dies while it charges."""

    async def pull_the_plug(*_: Any, **__: Any) -> None:
        raise PulledPlugError

    await record(storage)
    with monkeypatch.context() as patch:

        async def charge(_order: dict[str, Any]) -> None:
            patch.setattr(SagaRecorder, "_take", pull_the_plug)
            raise PulledPlugError

        patch.setitem(plain_program.STEPS, "charge", charge)
        patch.setattr("sagaz_core.replay.running.close_log", pull_the_plug)
        with pytest.raises(PulledPlugError):
            await replay(storage)
    await let_lapse(storage)


async def test_one_that_was_interrupted_is_gone_on_with_in_the_same_saga(
    any_storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await interrupt(any_storage, monkeypatch)
    interrupted = SagaReplay("order_1~r1", any_storage, saga_factory=fulfilment)
    asked = await interrupted.resume()
    assert asked.status == "invalid"
    assert "while 'charge' was under way" in (asked.error_message or "")
    assert "or replay it from the step after it" in (asked.error_message or "")
    result = await interrupted.resume(in_doubt="retry")
    assert (result.status, result.new_saga_id) == ("success", "order_1~r1")
    assert DONE == ["reserve", "charge", "ship"]
    root, branch = await any_storage.list_family("order_1")
    assert (root.recovered_by, branch.status) == ("order_1~r1", "completed")
    entry = await any_storage.get_replay_log("order_1~r1")
    assert entry is not None
    assert entry.outcome == "success"


async def test_which_step_comes_after_one_that_is_taken_as_done_only_the_engine_knows(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await interrupt(storage, monkeypatch)
    with pytest.raises(NotResumableError, match="only its engine knows which step comes next"):
        await SagaReplay("order_1~r1", storage, saga_factory=fulfilment).resume(in_doubt="skip")
    assert DONE == ["reserve"]


async def test_anything_that_has_the_method_will_do(storage: SnapshotStorage) -> None:
    await record(storage)
    result = await replay(storage, saga_factory=Engineless)
    assert result.status == "success"


class Engineless(Fulfilment):
    """A class whose constructor takes the context is a factory."""

    def __init__(self, context: dict[str, Any]) -> None:
        assert context["card"] == "good"
