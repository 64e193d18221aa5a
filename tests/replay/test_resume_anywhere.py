"""A run killed after any of its checkpoints is resumed to the end it would have had."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.config import SnapshotStrategy
from sagaz_core.errors import NotResumableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import WORLD, Careful, Chain, Late, Net, Shaped, run_on_tape

CASES = [
    pytest.param(Chain, {"fails": None}, "before_each_step", id="chain"),
    pytest.param(Chain, {"fails": "d"}, "before_each_step", id="chain that fails"),
    pytest.param(
        Chain, {"fails": "d", "cannot undo": "b"}, "before_each_step", id="chain half undone"
    ),
    pytest.param(Chain, {"fails": None}, "after_each_step", id="chain recorded after"),
    pytest.param(Chain, {"fails": "d"}, "after_each_step", id="failing, recorded after"),
    pytest.param(Chain, {"fails": "d"}, "on_failure", id="failing, recorded on failure"),
    pytest.param(Late, {"fails": None}, "before_each_step", id="chain with a late step"),
    pytest.param(Net, {"fails": None}, "before_each_step", id="graph"),
    pytest.param(Net, {"fails": "e"}, "before_each_step", id="graph that fails"),
    pytest.param(Net, {"fails": "c"}, "before_each_step", id="graph that fails in a branch"),
    pytest.param(Net, {"fails": "d"}, "before_each_step", id="graph that fails at once"),
    pytest.param(Net, {"fails": None}, "after_each_step", id="graph recorded after"),
    pytest.param(Net, {"fails": "c"}, "on_failure", id="graph recorded on failure"),
]


async def end_of(storage: SnapshotStorage, saga_id: str = "s") -> SagaSnapshot:
    latest = await storage.get_latest_snapshot(saga_id)
    assert latest is not None
    return latest


def what_counts(end: SagaSnapshot) -> dict[str, Any]:
    return {
        "status": end.status,
        "compensation": end.compensation,
        "context": end.context,
        "results": {name: result["by"] for name, result in end.results.items()},
        "completed": sorted(end.completed_steps),
        "compensated": sorted(end.compensated_steps),
        "error": end.error and (end.error.type, end.error.message),
        "failed step": end.step_name,
    }


async def who_set_each_key(storage: SnapshotStorage) -> dict[str, str | None]:
    touches = await storage.list_changes("s")
    return {touch.key: touch.step_name for touch in reversed(touches)}


@pytest.mark.parametrize(("saga_class", "context", "strategy"), CASES)
async def test_it_ends_as_if_nothing_had_happened(
    saga_class: type[Chain], context: dict[str, Any], strategy: SnapshotStrategy
) -> None:
    tape, world = await run_on_tape(saga_class, context, strategy)
    expected = what_counts(await end_of(SnapshotStorage(tape)))
    blame = await who_set_each_key(SnapshotStorage(tape))
    moments = tape.moments()
    assert moments
    for moment in moments:
        for left in (moment.at_once, moment.at_the_next):
            WORLD.restore(left)
            storage = SnapshotStorage(moment.tape.left_by_the_dead())
            before = await storage.list_checkpoints("s")
            if strategy == "on_failure" and "step_failed" not in [each.kind for each in before]:
                with pytest.raises(
                    NotResumableError, match="which of its steps have run is not known"
                ):
                    await SagaReplay("s", storage).resume()
                continue
            result = await SagaReplay("s", storage).resume()
            assert result.status == ("success" if expected["status"] == "completed" else "failed")
            end = what_counts(await end_of(storage))
            if expected["status"] == "failed" and saga_class is Net:
                # Which steps had begun when another failed is a matter of time.
                assert end["completed"] == end["compensated"]
                assert (end["status"], end["error"]) == ("failed", expected["error"])
            else:
                assert end == expected
                assert WORLD.done.keys() == world.done.keys()
                assert await who_set_each_key(storage) == blame
            assert WORLD.standing == world.standing
            assert (await storage.list_checkpoints("s"))[: len(before)] == before


@pytest.mark.parametrize("saga_class", [Chain, Net])
@pytest.mark.parametrize("fails", [None, "d"])
async def test_it_may_be_killed_again_while_it_goes_on(
    saga_class: type[Chain], fails: str | None
) -> None:
    tape, world = await run_on_tape(saga_class, {"fails": fails})
    expected = what_counts(await end_of(SnapshotStorage(tape)))
    for moment in tape.moments():
        WORLD.restore(moment.at_the_next)
        await SagaReplay("s", SnapshotStorage(moment.tape)).resume()
        for later in moment.tape.moments():
            WORLD.restore(later.at_the_next)
            storage = SnapshotStorage(later.tape)
            await SagaReplay("s", storage).resume()
            end = what_counts(await end_of(storage))
            assert (end["status"], end["error"]) == (expected["status"], expected["error"])
            assert WORLD.standing == world.standing
            if fails is None:
                assert end == expected


@pytest.mark.parametrize("context", [{"fails": None}, {"fails": "d"}])
async def test_whoever_answers_truly_has_every_effect_just_once(context: dict[str, Any]) -> None:
    tape, world = await run_on_tape(Careful, context)
    asked = 0
    for moment in tape.moments():
        for left in (moment.at_once, moment.at_the_next):
            WORLD.restore(left)
            storage = SnapshotStorage(moment.tape.left_by_the_dead())
            replay = SagaReplay("s", storage)
            result = await replay.resume()
            if result.status == "invalid":
                asked += 1
                assert left == WORLD
                happened = left != moment.at_once
                result = await replay.resume(in_doubt="skip" if happened else "retry")
            assert result.status == ("success" if context["fails"] is None else "failed")
            assert world == WORLD
            assert (await end_of(storage)).compensation == result.compensation
    assert asked >= 6


@pytest.mark.parametrize(
    ("saga_class", "later"),
    [(Chain, {"fails": None}), (Chain, {"fails": "d"}), (Net, {"fails": None})],
)
async def test_a_replay_ends_as_if_nothing_had_happened(
    saga_class: type[Chain], later: dict[str, Any]
) -> None:
    tape, _ = await run_on_tape(saga_class, {"fails": "d"})
    tape.forget()
    undisturbed = await SagaReplay("s", SnapshotStorage(tape)).from_checkpoint(
        "d", context_override=later
    )
    world = WORLD.copy()
    expected = what_counts(await end_of(SnapshotStorage(tape), "s~r1"))
    moments = tape.moments()
    assert moments
    for moment in moments:
        for left in (moment.at_once, moment.at_the_next):
            WORLD.restore(left)
            storage = SnapshotStorage(moment.tape.left_by_the_dead())
            result = await SagaReplay("s~r1", storage).resume()
            assert (result.status, result.original_saga_id) == (undisturbed.status, "s")
            assert what_counts(await end_of(storage, "s~r1")) == expected
            assert WORLD.standing == world.standing
            log = await storage.get_replay_log("s~r1")
            assert log is not None
            assert (log.outcome, log.finished_at) == (result.status, result.finished_at)
            original = await storage.get_saga("s")
            assert original is not None
            succeeded = undisturbed.status == "success"
            assert original.recovered_by == ("s~r1" if succeeded else None)


@pytest.mark.parametrize("answers", [True, False], ids=["refused", "not answered"])
@pytest.mark.parametrize(
    ("saga_class", "later"),
    [(Chain, {"fails": None}), (Chain, {"fails": "d"}), (Net, {"fails": None})],
)
async def test_a_replay_that_loses_its_store_at_any_moment_is_gone_on_with(
    saga_class: type[Chain], later: dict[str, Any], answers: bool
) -> None:
    for number in range(1, 100):
        tape, _ = await run_on_tape(saga_class, {"fails": "d"})
        tape.breaks_at, tape.answers = number, answers
        storage = SnapshotStorage(tape)
        result = await SagaReplay("s", storage).from_checkpoint("d", context_override=later)
        whole = tape.breaks_at > 0
        tape.breaks_at = None
        if whole:
            break
        assert result.status == "failed"
        saga = await storage.get_saga("s~r1")
        if saga is not None and saga.status in ("executing", "compensating"):
            undoing = saga.status == "compensating"
            left = SnapshotStorage(tape.left_by_the_dead())
            result = await SagaReplay("s~r1", left).resume()
            fails = undoing or later["fails"] is not None
            assert result.status == ("failed" if fails else "success")
        # The end may have been stored without an answer: then it has succeeded, though the run
        # could not hear of it.
        succeeded = result.status == "success" or (saga is not None and saga.status == "completed")
        everything = {f"s~r1:{step}" for step in saga_class.needs}
        assert WORLD.standing == (everything if succeeded else set())
    assert number > 5


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, list[str]]:
    """Draw up to six steps, each of which needs any of those before it."""
    names = "abcdef"[: draw(st.integers(2, 6))]
    return {
        name: draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        for number, name in enumerate(names)
    }


@given(shapes(), st.data())
def test_a_graph_of_any_shape_killed_twice_has_every_effect_or_none(
    needs: dict[str, list[str]], data: st.DataObject
) -> None:
    fails = data.draw(st.none() | st.sampled_from(sorted(needs)), "fails")

    async def play() -> None:
        tape, _ = await run_on_tape(Shaped, {"fails": fails, "needs": needs})
        for _ in range(2):
            if not tape.moments():
                return
            moment = data.draw(st.sampled_from(tape.moments()), "dies at")
            WORLD.restore(data.draw(st.sampled_from(moment[1:]), "and leaves"))
            tape = moment.tape
            result = await SagaReplay("s", SnapshotStorage(tape)).resume()
            assert result.status == ("success" if fails is None else "failed")
        expected = {f"s:{name}" for name in needs} if fails is None else set()
        assert WORLD.standing == expected
        # Once more for each time that it died in the middle of it.
        assert all(calls <= 3 for calls in (*WORLD.done.values(), *WORLD.undone.values()))

    asyncio.run(play())
