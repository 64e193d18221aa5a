"""Going on with an interrupted saga, in the same saga."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sagaz_core.config import SnapshotStrategy
from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import (
    WORLD,
    Careful,
    Chain,
    Gossip,
    Net,
    World,
    die_at,
    killed_after,
    run_on_tape,
)


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
    assert moment.tape._families._rows["s"].fence == before["_families"]._rows["s"].fence

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


# ---------------------------------------------------------------- replays


async def test_what_a_replay_runs_first_again_it_still_runs_first() -> None:
    tape, _ = await run_on_tape(Net, {"fails": "e"})
    tape.forget()
    await SagaReplay("s", SnapshotStorage(tape)).from_checkpoint(
        "e", context_override={"fails": None}
    )
    storage = SnapshotStorage(killed_after(tape, "before_step", "a", "s~r1").tape)
    await SagaReplay("s~r1", storage).resume()
    timeline = await storage.list_checkpoints("s~r1", after=2)
    # One after another: a graph would begin d beside a.
    assert [entry.kind for entry in timeline[:4]] == ["before_step", "after_step"] * 2


async def test_a_step_restored_in_name_only_is_never_compensated() -> None:
    tape, _ = await run_on_tape(Chain, {"fails": "d"})
    tape.forget()
    replay = SagaReplay("s", SnapshotStorage(tape))
    await replay.from_checkpoint("d", compensated="keep")
    for kind in ("before_step", "step_failed"):
        moment = killed_after(tape, kind, "d", "s~r1")
        WORLD.restore(World())
        result = await SagaReplay("s~r1", SnapshotStorage(moment.tape)).resume()
        assert (result.status, WORLD.undone) == ("failed", {})
