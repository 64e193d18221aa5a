"""A saga that starts from a checkpoint of another, as a replay does."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.config import RECORDING_BY_DEFAULT, SagaConfig
from sagaz_core.errors import ForcedFailureError, LeaseLostError, SagaDefinitionError
from sagaz_core.model import SagaResult
from sagaz_core.saga.origin import Origin, RecordedAs
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.start import StartPoint
from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Build, Built, Ledger


@pytest.fixture
def storage() -> SnapshotStorage:
    return InMemorySnapshotStorage()


def start(**values: Any) -> StartPoint:
    return StartPoint(**{"context": {}, "results": {}, "restored": (), **values})


def recorded_as_replay(storage: SnapshotStorage, lease: Lease) -> RecordedAs:
    """Return what makes a run ``s~r1``, a replay of ``s``."""
    return RecordedAs(
        saga_id="s~r1",
        storage=storage,
        config=SagaConfig(replay_config=RECORDING_BY_DEFAULT),
        origin=Origin(root_id="s", parent_id="s", parent_sequence=3, lease=lease),
    )


async def execute_from(storage: SnapshotStorage, build: Build, point: StartPoint) -> SagaResult:
    """Run ``s~r1`` from a start, in the family of ``s``."""
    lease = await storage.acquire_lease("s", owner="me", holder="s~r1")
    return await Built(build).execute_from(
        point,
        recorded_as_replay(storage, lease),
    )


def four(ledger: Ledger, fails: str = "", **depends: list[str]) -> Build:
    """Return a build of steps a to d, each of which can be undone."""

    async def build(saga: Saga) -> None:
        for name in "abcd":
            action = ledger.fails(name) if name == fails else ledger.does(name, f"new {name}")
            await saga.add_step(name, action, ledger.undoes(name), depends_on=depends.get(name))

    return build


async def test_restored_steps_do_not_run_and_their_results_are_read(
    storage: SnapshotStorage,
) -> None:
    ledger = Ledger()
    seen: dict[str, Any] = {}

    async def look(ctx: Any) -> None:
        seen.update(ctx)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"))
        await saga.add_step("b", look)

    point = start(context={"n": 1}, results={"a": [1]}, restored=("a",), from_step="b")
    result = await execute_from(storage, build, point)

    assert ledger == []
    assert seen == {"n": 1, "a": [1]}
    assert result.saga_id == "s~r1"
    assert result.completed_steps == ["a", "b"]


async def test_the_first_checkpoint_is_the_start_and_the_run_is_a_child(
    storage: SnapshotStorage,
) -> None:
    ledger = Ledger()
    point = start(
        context={"n": 1},
        results={"a": 1},
        restored=("a", "b"),
        kept=("b",),
        from_step="c",
        origins={"a": "s"},
    )
    await execute_from(storage, four(ledger), point)

    first = await storage.get_checkpoint("s~r1", 1)
    assert (first.kind, first.step_name, first.step_index) == ("before_step", "c", 2)
    assert first.completed_steps == ["a", "b"]
    assert (first.context, first.results) == ({"n": 1}, {"a": 1})
    row = await storage.get_saga("s~r1")
    assert row is not None
    assert (row.root_id, row.parent_id, row.parent_sequence) == ("s", "s", 3)
    run = await storage.get_run("s~r1")
    assert (run.origins, run.kept) == ({"a": "s"}, ("b",))
    family = await storage.get_family("s")
    assert family is not None
    assert not family.held
    assert family.recovered_by == "s~r1"


async def test_redone_steps_run_first_in_their_order(storage: SnapshotStorage) -> None:
    ledger = Ledger()
    point = start(
        results={"a": "old a", "b": "old b"}, restored=("a",), redo=("c", "b"), from_step="d"
    )
    result = await execute_from(storage, four(ledger), point)

    assert ledger == ["c", "b", "d"]
    assert result.results == {"a": "old a", "b": "new b", "c": "new c", "d": "new d"}
    first = await storage.get_checkpoint("s~r1", 1)
    assert (first.step_name, first.completed_steps) == ("c", ["a"])
    assert first.results == {"a": "old a"}


async def test_a_replay_that_fails_undoes_restored_steps_with_their_recorded_results(
    storage: SnapshotStorage,
) -> None:
    undone: list[tuple[str, Any]] = []

    async def undo(result: Any, ctx: Any) -> None:
        undone.append((ctx.step, result))

    async def build(saga: Saga) -> None:
        for name in "abc":
            await saga.add_step(name, Ledger().does("", f"new {name}"), undo)
        await saga.add_step("d", Ledger().fails("d"), undo)

    point = start(
        results={"b": "old b", "a": "old a"}, restored=("b", "a"), redo=("c",), from_step="d"
    )
    result = await execute_from(storage, build, point)

    assert undone == [("c", "new c"), ("a", "old a"), ("b", "old b")]
    assert (result.status, result.compensation) == ("failed", "completed")


async def test_steps_kept_in_name_only_are_never_undone(storage: SnapshotStorage) -> None:
    ledger = Ledger()
    point = start(restored=("a", "b", "c"), kept=("a", "c"), from_step="d")
    await execute_from(storage, four(ledger, fails="d"), point)
    assert ledger == ["d!", "-b"]


async def test_a_failure_asked_for_comes_in_place_of_the_action(storage: SnapshotStorage) -> None:
    ledger = Ledger()
    point = start(restored=("a",), redo=("b",), from_step="c", force_failure="c")
    result = await execute_from(storage, four(ledger), point)

    assert ledger == ["b", "-b", "-a"]
    assert isinstance(result.error, ForcedFailureError)
    assert result.failed_step == "c"


async def test_a_failure_asked_for_is_not_tried_again(storage: SnapshotStorage) -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"), max_retries=3)

    point = start(from_step="a", force_failure="a")
    await execute_from(storage, build, point)
    failure = (await storage.list_checkpoints("s~r1"))[1]
    assert (failure.kind, failure.attempts) == ("step_failed", 1)


async def test_a_graph_goes_on_with_what_is_not_complete(storage: SnapshotStorage) -> None:
    ledger = Ledger()
    build = four(ledger, a=[], b=["a"], c=["a"], d=["b", "c"])
    result = await execute_from(storage, build, start(restored=("a", "c"), from_step="b"))

    assert ledger == ["b", "d"]
    assert result.completed_steps == ["a", "c", "b", "d"]


async def test_a_start_with_a_step_there_is_not_is_refused(storage: SnapshotStorage) -> None:
    with pytest.raises(SagaDefinitionError, match="'gone'"):
        await execute_from(storage, four(Ledger()), start(restored=("gone",), from_step="a"))


async def test_a_restored_context_with_a_key_named_like_a_step_is_refused(
    storage: SnapshotStorage,
) -> None:
    with pytest.raises(SagaDefinitionError, match="'b'"):
        await execute_from(storage, four(Ledger()), start(context={"b": 1}, from_step="a"))


async def test_a_replay_whose_lease_was_lost_before_it_began_does_and_undoes_nothing(
    storage: SnapshotStorage,
) -> None:
    ledger = Ledger()
    lease = await storage.acquire_lease("s", owner="me", holder="s~r1")
    await lease.release()
    await storage.acquire_lease("s", owner="other", holder="s~r2")
    result = await Built(four(ledger)).execute_from(
        start(restored=("a",), from_step="b"),
        recorded_as_replay(storage, lease),
    )

    assert ledger == []
    assert isinstance(result.error, LeaseLostError)


async def test_the_start_is_copied(storage: SnapshotStorage) -> None:
    async def change(ctx: Any) -> None:
        ctx["cart"].append(1)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", change)

    point = start(context={"cart": []}, from_step="a")
    result = await execute_from(storage, build, point)
    assert (point.context, result.context) == ({"cart": []}, {"cart": [1]})
