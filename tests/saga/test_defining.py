"""What is wrong with a saga's definition is said before anything runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.errors import ReadOnlyStoreError, SagaDefinitionError, UsageError
from sagaz_core.saga.registry import known_sagas
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.step import Step
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Built, Ledger


async def refusal(build: Any, context: dict[str, Any] | None = None) -> str:
    """Return what execute() says about a definition, having seen that nothing ran."""
    with pytest.raises(SagaDefinitionError) as caught:
        await Built(build, context).execute()
    return str(caught.value)


async def test_a_saga_without_steps_is_refused() -> None:
    async def build(saga: Saga) -> None:
        pass

    assert "no steps" in await refusal(build)


@pytest.mark.parametrize(
    "tags", [{"order": 7}, {"order": ["7"]}, {"order": "\udcff"}, {7: "order"}]
)
def test_a_tag_that_is_no_text_is_refused_at_once(tags: Any) -> None:
    async def build(saga: Saga) -> None:
        pass

    with pytest.raises(UsageError, match="tag"):
        Built(build, tags=tags)


async def test_a_duplicate_name_is_refused_and_named() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("pay", ledger.does("pay"))
        await saga.add_step("pay", ledger.does("pay"))

    assert "'pay'" in await refusal(build)
    assert ledger == []


async def test_a_cycle_is_refused_and_told_step_by_step() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("free", ledger.does("free"))
        await saga.add_step("a", ledger.does("a"), depends_on=["c", "free"])
        await saga.add_step("b", ledger.does("b"), depends_on=["a"])
        await saga.add_step("c", ledger.does("c"), depends_on=["b"])

    assert "a → c → b → a" in await refusal(build)
    assert ledger == []


async def test_a_step_that_depends_on_itself_is_a_cycle() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"), depends_on=["a"])

    assert "a → a" in await refusal(build)


async def test_an_unknown_dependency_is_refused_and_named() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("ship", Ledger().does(""), depends_on=["chrage"])

    assert "'ship' depends on 'chrage'" in await refusal(build)


async def test_a_step_named_like_a_context_key_is_refused() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("amount", Ledger().does(""))

    assert "'amount'" in await refusal(build, {"amount": 1})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"retry_backoff": -1}, "retry_backoff"),
        ({"retry_backoff": "fast"}, "retry_backoff"),
        ({"depends_on": "a"}, "depends_on"),
        ({"compensation": "undo"}, "compensation"),
    ],
)
async def test_a_wrong_argument_of_a_step_is_refused(wrong: dict[str, Any], says: str) -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"), **wrong)

    message = await refusal(build)
    assert says in message
    assert "'a'" in message


@pytest.mark.parametrize("name", ["", 7, "two\nlines", None])
async def test_a_name_that_is_none_is_refused(name: Any) -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step(name, Ledger().does("a"))

    assert "name" in await refusal(build)


async def test_an_action_must_be_a_function() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", None)  # type: ignore[arg-type]

    assert "action must be a function" in await refusal(build)


async def test_executing_twice_is_refused() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"))

    saga = Built(build)
    await saga.execute()
    with pytest.raises(SagaDefinitionError, match="has run already"):
        await saga.execute()


async def test_executing_twice_at_once_is_refused() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await asyncio.sleep(0)
        await saga.add_step("a", ledger.does("a"))

    saga = Built(build)
    first, second = await asyncio.gather(saga.execute(), saga.execute(), return_exceptions=True)
    assert not isinstance(first, BaseException)
    assert isinstance(second, SagaDefinitionError)
    assert ledger == ["a"]


async def test_adding_a_step_while_it_runs_is_refused() -> None:
    saga: Built

    async def add_more(ctx: Any) -> None:
        await saga.add_step("b", Ledger().does("b"))

    async def build(saga: Saga) -> None:
        await saga.add_step("a", add_more)

    saga = Built(build)
    result = await saga.execute()
    assert isinstance(result.error, SagaDefinitionError)
    assert "too late" in str(result.error)


async def test_preparing_builds_once_and_runs_nothing() -> None:
    ledger = Ledger()
    built: list[int] = []

    async def build(saga: Saga) -> None:
        built.append(1)
        await saga.add_step("a", ledger.does("a"))
        await saga.add_step("b", ledger.does("b"), depends_on=["a"])

    saga = Built(build)
    assert [step.name for step in await saga.prepare()] == ["a", "b"]
    assert [step.depends_on for step in await saga.prepare()] == [None, ("a",)]
    assert ledger == []
    await saga.execute()
    assert built == [1]


async def test_a_build_that_raised_can_be_repeated() -> None:
    tries: list[int] = []

    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"))
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("no service")

    saga = Built(build)
    with pytest.raises(ConnectionError):
        await saga.execute()
    assert (await saga.execute()).completed_steps == ["a"]


async def test_steps_can_be_added_without_a_subclass() -> None:
    saga = Saga({"n": 1})
    await saga.add_step("a", lambda ctx: ctx["n"] + 1)
    assert (await saga.execute()).results == {"a": 2}


def test_an_argument_that_nobody_takes_is_a_type_error() -> None:
    class Parcel(Saga):
        def __init__(self, *args: Any, inventory: str, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.inventory = inventory

    assert Parcel({"a": 1}, inventory="shelf", saga_id="x").inventory == "shelf"
    with pytest.raises(TypeError, match="payment"):
        Parcel({"a": 1}, inventory="shelf", payment="card")


async def test_a_subclass_that_forgets_super_is_told() -> None:
    class Forgetful(Saga):
        def __init__(self) -> None:
            pass

    with pytest.raises(SagaDefinitionError, match=r"super\(\).__init__"):
        await Forgetful().execute()


@pytest.mark.parametrize("context", [[("a", 1)], "text", {1: "a"}])
def test_a_context_must_be_a_mapping_with_texts_as_keys(context: Any) -> None:
    with pytest.raises(UsageError, match="context"):
        Saga(context)


def test_the_given_context_is_copied() -> None:
    given = {"cart": [{"qty": 1}]}
    saga = Saga(given)
    given["cart"][0]["qty"] = 2
    saga.context["cart"][0]["qty"] = 3
    assert saga.context == {"cart": [{"qty": 1}]}


async def test_enabling_snapshots_without_a_storage_is_refused() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"))

    config = SagaConfig(replay_config=ReplayConfig(enable_snapshots=True))
    with pytest.raises(UsageError, match="no snapshot_storage"):
        await Built(build, config=config).execute()


async def test_recording_into_a_storage_opened_to_look_only_is_refused() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"))

    storage = SnapshotStorage(MemoryBackend(), read_only=True)
    with pytest.raises(ReadOnlyStoreError):
        await Built(build, snapshot_storage=storage).execute()
    assert ledger == []


def test_a_subclass_is_known_when_it_is_defined_and_the_latest_counts() -> None:
    def define() -> type[Saga]:
        class Known(Saga):
            pass

        return Known

    first = define()
    assert first in known_sagas()
    second = define()
    assert second in known_sagas()
    assert first not in known_sagas()


class Undo:
    def __call__(self, result: Any, ctx: Any) -> None: ...


def release(result: Any, ctx: Any) -> None: ...


@pytest.mark.parametrize(
    ("compensation", "name"),
    [
        (release, "release"),
        (partial(partial(release), ctx=None), "release"),
        (Ledger().undoes("a"), "compensation"),
        (Undo(), "Undo"),
        (lambda result, ctx: None, ""),
        (None, ""),
    ],
)
def test_a_step_is_recorded_with_the_name_of_what_undoes_it(compensation: Any, name: str) -> None:
    step = Step(name="a", action=release, compensation=compensation)
    assert (step.info.compensation, step.info.compensated) == (name, compensation is not None)
