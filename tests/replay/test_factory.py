"""Where a replay's code comes from, and what happens when it does not come."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import AmbiguousSagaError, SagaClassNotFoundError, SagaFactoryError
from sagaz_core.replay.factory import (
    build_saga,
    load_factory,
    make_saga,
    resolve_class,
    saga_of_class,
)
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, Shop, run_order

NEW_TOKEN = {"payment_token": "tok_new"}


def saga_class(name: str, module: str) -> type[Saga]:
    return type(name, (Saga,), {"__module__": module, "__qualname__": name})


# ---------------------------------------------------------------- the recorded class


def test_the_recorded_module_and_name_come_first() -> None:
    ours, theirs = saga_class("OrderSaga", "ours"), saga_class("OrderSaga", "theirs")
    assert resolve_class("OrderSaga", "theirs:OrderSaga", [ours, theirs]) is theirs


def test_a_class_that_moved_is_found_by_its_name() -> None:
    moved = saga_class("OrderSaga", "shop.sagas")
    assert resolve_class("OrderSaga", "__main__:OrderSaga", [moved, Shop]) is moved


def test_several_classes_of_the_name_are_ambiguous() -> None:
    classes = [saga_class("OrderSaga", "ours"), saga_class("OrderSaga", "theirs")]
    with pytest.raises(AmbiguousSagaError, match="ours:OrderSaga, theirs:OrderSaga"):
        resolve_class("OrderSaga", "__main__:OrderSaga", classes)


def test_a_class_that_is_not_there_says_how_to_bring_it() -> None:
    with pytest.raises(SagaClassNotFoundError, match=r"import the module.*--factory.*sagas = \["):
        resolve_class("OrderSaga", "os:system", [Shop])


def test_a_module_named_by_stored_data_is_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trap_module.py").write_text("raise SystemExit('sprung')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SagaClassNotFoundError):
        resolve_class("Trap", "trap_module:Trap")
    assert "trap_module" not in sys.modules


# ---------------------------------------------------------------- named factories


def test_a_factory_is_loaded_by_name() -> None:
    assert load_factory("tests.replay.shop:Shop") is Shop


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("shop", "write it as package.module:name"),
        (":make", "write it as package.module:name"),
        ("no_such_module:make", "cannot be imported: ModuleNotFoundError"),
        ("tests.replay.shop:make", "has no 'make' that can be called"),
        ("tests.replay.shop:PLACED_AT", "has no 'PLACED_AT' that can be called"),
    ],
)
def test_a_factory_that_is_missing_says_so(name: str, sentence: str) -> None:
    with pytest.raises(SagaFactoryError, match=sentence):
        load_factory(name)


# ---------------------------------------------------------------- calling them


async def test_a_factory_gets_a_copy_of_the_corrected_context(storage: SnapshotStorage) -> None:
    await run_order(storage)
    seen: list[dict[str, Any]] = []

    async def make(context: dict[str, Any]) -> Shop:
        seen.append(dict(context))
        saga = Shop(context)
        context["cart"].clear()
        return saga

    result = await SagaReplay("order_1", storage, saga_factory=make).from_checkpoint(
        "charge", context_override=NEW_TOKEN
    )
    assert result.status == "success"
    assert seen[0]["payment_token"] == "tok_new"
    assert len(result.context["cart"]) == 2


async def test_the_factory_of_the_call_takes_the_place_of_the_replays(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)

    def never(context: dict[str, Any]) -> Shop:
        raise AssertionError("not this one")

    replay = SagaReplay("order_1", storage, saga_factory=never)
    result = await replay.from_checkpoint("charge", context_override=NEW_TOKEN, saga_factory=Shop)
    assert result.status == "success"


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    release = threading.Event()
    yield release
    release.set()


async def test_a_factory_that_hangs_is_left_alone(hanging: threading.Event) -> None:
    def hangs(context: dict[str, Any]) -> Shop:
        hanging.wait()
        return Shop(context)

    async def hangs_too(context: dict[str, Any]) -> Shop:
        await asyncio.Event().wait()
        return Shop(context)

    for factory in (hangs, hangs_too):
        with pytest.raises(SagaFactoryError, match=r"has not returned within 0\.01 seconds"):
            await make_saga(factory, {}, timeout=0.01)


async def test_a_build_that_hangs_or_raises_says_so() -> None:
    class Hanging(Shop):
        async def build(self) -> None:
            await asyncio.Event().wait()

    class Raising(Shop):
        async def build(self) -> None:
            raise ConnectionError("no config service")

    with pytest.raises(SagaFactoryError, match=r"Hanging\.build\(\) has not returned"):
        await build_saga(Hanging({}), timeout=0.01)
    with pytest.raises(SagaFactoryError, match="raised ConnectionError: no config service"):
        await build_saga(Raising({}))


async def test_a_factory_that_raises_or_returns_something_else_makes_the_plan_invalid(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    done = list(ledger.entries)

    def raises(context: dict[str, Any]) -> Shop:
        raise StopIteration("no inventory")

    def returns_none(context: dict[str, Any]) -> Any:
        return None

    def needs_more(context: dict[str, Any], inventory: Any) -> Shop:
        return Shop(context)

    for factory, sentence in (
        (raises, "raised"),
        (returns_none, "returned NoneType, which is no Saga"),
        (needs_more, "raised TypeError"),
        (Shop.build, "raised AttributeError"),
    ):
        replay = SagaReplay("order_1", storage, saga_factory=factory)
        for dry_run in (True, False):
            result = await replay.from_checkpoint("charge", dry_run=dry_run)
            assert result.status == "invalid"
            assert sentence in (result.error_message or "")
    assert ledger.entries == done


class WithInventory(Shop):
    def __init__(self, context: dict[str, Any], *, inventory: object) -> None:
        super().__init__(context)
        self.inventory = inventory


def test_a_class_that_needs_more_than_a_context_asks_for_a_factory() -> None:
    with pytest.raises(SagaFactoryError, match=r"WithInventory\(context=\.\.\.\).*saga_factory"):
        saga_of_class(WithInventory, {})
