"""Going on with a saga that was interrupted on its way back."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.model import Attempt, RunInfo, SagaSnapshot, StepError, StepRecord, utc_now
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.registry import code_of
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import WORLD, Careful, Chain, Tape, World, killed_after, run_on_tape
from tests.replay.shop import let_lapse

CALLS: list[str] = []
"""What was called in these tests, undoing or not, in order."""


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()
    WORLD.restore(World())


class Talkative(Chain):
    """A chain that tells of each compensation that is called."""

    async def undo(self, result: Any, ctx: Any) -> None:
        CALLS.append(f"undo {ctx.step}")
        await super().undo(result, ctx)


class Trio(Saga):
    """Steps a, b and c at the same time; each does what its context says."""

    idempotent = True

    async def build(self) -> None:
        for name in "abc":
            await self.add_step(
                name,
                self.act,
                self.undo,
                depends_on=[],
                idempotent=self.idempotent,
                compensate_on_timeout=True,
            )

    async def act(self, ctx: Any) -> str:
        CALLS.append(ctx.step)
        if ctx.step in ctx["fail"]:
            raise ValueError("it does not work")
        return str(ctx.step)

    async def undo(self, _result: str | None, ctx: Any) -> None:
        CALLS.append(f"undo {ctx.step}")


class CarefulTrio(Trio):
    """Three steps none of which may be done twice."""

    idempotent = False


async def died_after(saga_class: type[Saga], *checkpoints: dict[str, Any]) -> SnapshotStorage:
    """Return a store in which these checkpoints were recorded by a run that then died."""
    storage = SnapshotStorage(Tape())
    steps = await saga_class({}).prepare()
    writer = storage.writer(saga_id="s", saga_name=saga_class.__name__, fence=1, claim=True)
    run = RunInfo(
        code=code_of(saga_class),
        steps=tuple(step.info for step in steps),
        strategy="before_each_step",
    )
    for fields in checkpoints:
        snapshot = SagaSnapshot(
            saga_id="s", saga_name=saga_class.__name__, **{"context": {"fail": ""}, **fields}
        )
        await writer.append(capture(snapshot), run=run)
    await let_lapse(storage, "s")
    return storage


async def test_a_compensation_that_failed_is_not_called_again() -> None:
    tape, _ = await run_on_tape(Talkative, {"fails": "d", "cannot undo": "b"})
    left = killed_after(tape, "compensation_failed", "b").tape
    CALLS.clear()
    result = await SagaReplay("s", SnapshotStorage(left)).resume()
    assert (result.status, result.compensation) == ("failed", "failed")
    assert CALLS == ["undo a"]


@pytest.mark.parametrize("choice", ["retry", "skip"])
async def test_an_undoing_that_may_not_happen_twice_asks_for_a_choice(choice: str) -> None:
    tape, _ = await run_on_tape(Careful, {"fails": "d"})
    storage = SnapshotStorage(killed_after(tape, "before_compensation", "b").tape)
    WORLD.undone = {"s:c": 1}
    replay = SagaReplay("s", storage)
    result = await replay.resume()
    assert result.status == "invalid"
    assert result.error_message == (
        "saga 's' was interrupted while undoing 'b' was under way, and whether it happened is not "
        "known; find out, then choose in_doubt='skip' (--in-doubt skip) if it is undone or "
        "'retry' if it still stands"
    )
    assert WORLD.undone == {"s:c": 1}
    result = await replay.resume(in_doubt=choice)
    assert (result.status, result.compensation) == ("failed", "completed")
    undone = {"s:a": 1, "s:c": 1}
    assert WORLD.undone == (undone if choice == "skip" else {**undone, "s:b": 1})


async def test_what_was_said_once_is_not_asked_again() -> None:
    tape, _ = await run_on_tape(Careful, {"fails": "d"})
    left = killed_after(tape, "before_compensation", "b").tape
    await SagaReplay("s", SnapshotStorage(left)).resume(in_doubt="skip")
    again = killed_after(left, "manual").tape
    WORLD.undone = {"s:c": 1}
    result = await SagaReplay("s", SnapshotStorage(again)).resume()
    assert result.status == "failed"
    assert WORLD.undone == {"s:a": 1, "s:c": 1}


async def test_all_that_was_under_way_ends_first_though_some_of_it_fails() -> None:
    storage = await died_after(
        Trio,
        {"kind": "before_step", "step_name": "a"},
        {"kind": "before_step", "step_name": "b", "running_steps": ["a"]},
        {"kind": "before_step", "step_name": "c", "running_steps": ["a", "b"]},
        {
            "kind": "step_failed",
            "step_name": "a",
            "running_steps": ["b", "c"],
            "context": {"fail": "ab"},
            "error": StepError("ValueError", "it does not work"),
        },
    )
    result = await SagaReplay("s", storage).resume()
    assert CALLS == ["b", "c", "undo c"]
    assert (result.status, result.compensation) == ("failed", "completed")
    assert result.error_message == "a: ValueError: it does not work"


async def test_a_step_that_ran_out_of_time_is_undone_in_its_place() -> None:
    late = StepRecord("b", "timed_out", (Attempt(1, utc_now(), 1.0),))
    storage = await died_after(
        Trio,
        {"kind": "before_step", "step_name": "a"},
        {
            "kind": "step_failed",
            "step_name": "b",
            "completed_steps": ["a"],
            "running_steps": ["c"],
            "step_records": (late,),
            "error": StepError("StepTimeoutError", "too late"),
        },
        # A write whose outcome was not known is told of once more.
        {
            "kind": "after_step",
            "step_name": "c",
            "completed_steps": ["a", "c"],
            "step_records": (late,),
        },
    )
    result = await SagaReplay("s", storage).resume()
    assert CALLS == ["undo c", "undo b", "undo a"]
    assert result.error_message == "b: StepTimeoutError: too late"


async def test_a_step_that_was_announced_and_not_begun_is_not_in_doubt_on_the_way_back() -> None:
    storage = await died_after(
        CarefulTrio,
        {"kind": "before_step", "step_name": "a"},
        {"kind": "before_step", "step_name": "b", "running_steps": ["a"]},
        {"kind": "before_step", "step_name": "c", "running_steps": ["a", "b"]},
        {"kind": "after_step", "step_name": "a", "completed_steps": ["a"]},
        {"kind": "step_failed", "step_name": "b", "completed_steps": ["a"]},
        {
            "kind": "before_compensation",
            "step_name": "a",
            "completed_steps": ["a"],
            "status": "compensating",
            "compensation": "completed",
        },
        {
            "kind": "after_compensation",
            "step_name": "a",
            "completed_steps": ["a"],
            "compensated_steps": ["a"],
            "status": "compensating",
            "compensation": "completed",
        },
    )
    result = await SagaReplay("s", storage).resume()
    assert (result.status, result.compensation, CALLS) == ("failed", "completed", [])


async def test_a_step_seen_to_run_is_in_doubt_though_its_beginning_was_lost() -> None:
    storage = await died_after(
        CarefulTrio,
        {"kind": "before_step", "step_name": "a"},
        {"kind": "before_step", "step_name": "c", "running_steps": ["a", "b"], "gap": 1},
    )
    result = await SagaReplay("s", storage).resume()
    assert result.status == "invalid"
    assert "'a', 'c', 'b' was under way" in str(result.error_message)
    assert "whether each of them happened" in str(result.error_message)


async def test_what_is_taken_as_done_is_undone_without_a_result() -> None:
    storage = await died_after(
        CarefulTrio,
        {"kind": "before_step", "step_name": "a"},
        {"kind": "before_step", "step_name": "b", "running_steps": ["a"]},
        {"kind": "step_failed", "step_name": "a", "running_steps": ["b"]},
    )
    result = await SagaReplay("s", storage).resume(in_doubt="skip")
    assert (result.status, CALLS) == ("failed", ["undo b"])


async def test_it_is_undone_so_too_when_the_run_fails_later() -> None:
    tape, _ = await run_on_tape(Careful, {"fails": "d"})
    moment = killed_after(tape, "before_step", "b")
    WORLD.restore(moment.at_the_next)
    result = await SagaReplay("s", SnapshotStorage(moment.tape)).resume(in_doubt="skip")
    assert (result.status, result.compensation) == ("failed", "completed")
    assert WORLD.undone == {"s:a": 1, "s:b": 1, "s:c": 1}
    assert result.context["undone b"] is None
