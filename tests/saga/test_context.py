"""What an action sees of the context, and what becomes of its changes."""

from __future__ import annotations

import copy
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.errors import UsageError
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.copying import copy_value, same


def context(base: dict[str, Any], results: dict[str, Any] | None = None) -> StepContext:
    """Return the context of step ``charge``, which follows ``reserve``."""
    return StepContext(
        base,
        results or {},
        saga_id="order_1",
        step="charge",
        attempt=2,
        steps=frozenset({"reserve", "charge"}),
    )


def test_it_tells_where_it_belongs() -> None:
    ctx = context({})
    assert (ctx.saga_id, ctx.step, ctx.attempt) == ("order_1", "charge", 2)
    assert ctx.idempotency_key == "order_1:charge"


def test_it_is_a_mapping_of_context_and_results() -> None:
    ctx = context({"a": 1, "b": [2]}, {"reserve": {"id": 3}})
    ctx["c"] = 4
    del ctx["a"]

    assert dict(ctx) == {"b": [2], "c": 4, "reserve": {"id": 3}}
    assert list(ctx) == ["b", "c", "reserve"]
    assert len(ctx) == 3
    assert "a" not in ctx
    assert ctx.get("a") is None
    with pytest.raises(KeyError):
        ctx["a"]
    with pytest.raises(KeyError):
        del ctx["a"]


def test_changes_in_place_are_the_attempts_own_until_it_succeeds() -> None:
    base = {"cart": [{"qty": 1}]}
    ctx = context(base)
    ctx["cart"][0]["qty"] = 2

    assert base == {"cart": [{"qty": 1}]}
    assert ctx["cart"] == [{"qty": 2}]
    assert ctx.changed() == {"cart": [{"qty": 2}]}


def test_what_was_only_read_has_not_changed() -> None:
    ctx = context({"cart": [{"qty": 1}], "tag": {"a"}, "amount": Decimal("1.0")})
    assert dict(ctx)
    assert ctx.changed() == {}
    assert ctx.keys_read == ("cart", "tag", "amount")


def test_what_was_set_is_copied_when_the_attempt_ends() -> None:
    mine = [1]
    ctx = context({})
    ctx["items"] = mine
    changed = ctx.changed()
    mine.append(2)
    assert changed == {"items": [1]}


def test_a_removed_key_is_gone_and_can_come_back() -> None:
    ctx = context({"a": 1})
    del ctx["a"]
    assert ctx.removed() == {"a"}
    ctx["a"] = 2
    assert ctx.removed() == frozenset()
    assert ctx.changed() == {"a": 2}


def test_a_key_that_was_set_and_removed_again_leaves_nothing() -> None:
    ctx = context({})
    ctx["a"] = 1
    del ctx["a"]
    assert (ctx.changed(), ctx.removed()) == ({}, frozenset())


def test_a_result_that_is_changed_in_place_stays_what_it_was() -> None:
    results = {"reserve": {"id": 3}}
    ctx = context({}, results)
    ctx["reserve"]["id"] = 4
    assert results == {"reserve": {"id": 3}}
    assert ctx.changed() == {}


@pytest.mark.parametrize("name", ["reserve", "charge"])
def test_a_key_named_like_a_step_cannot_be_written(name: str) -> None:
    ctx = context({}, {"reserve": 1})
    with pytest.raises(UsageError, match=name):
        ctx[name] = 1
    with pytest.raises(UsageError, match=name):
        del ctx[name]


def test_a_key_must_be_a_text() -> None:
    with pytest.raises(UsageError, match="text"):
        context({})[1] = 2  # type: ignore[index]


def test_its_repr_shows_keys_and_no_values() -> None:
    text = repr(context({"password": "hunter2"}))
    assert "password" in text
    assert "hunter2" not in text


class Plain:
    """An object without an equality of its own."""

    def __init__(self, n: int) -> None:
        self.n = n


class Refuses:
    """An object that lets nobody compare it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, True),
        (1, 1.0),
        ([1], [True]),
        ((1,), [1]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Decimal("1.0"), Decimal("1.00")),
        (0.0, -0.0),
        ({1}, {True}),
        (
            datetime(2024, 1, 1, tzinfo=UTC),
            datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(0, 3600))),
        ),
        (Plain(1), Plain(2)),
        (Refuses(), Refuses()),
        ("a", b"a"),
    ],
)
def test_values_that_differ_in_type_order_or_form_are_not_the_same(before: Any, after: Any) -> None:
    assert not same(before, after)


@pytest.mark.parametrize("value", [[1, {"a": (1, 2)}], {"x": {1, 2}}, Plain(1), bytearray(b"a")])
def test_a_copy_is_the_same(value: Any) -> None:
    copied = copy_value(value)
    assert copied is not value
    assert same(value, copied)


def test_what_cannot_be_copied_is_shared() -> None:
    lock = threading.Lock()
    with socket.socket() as connection:
        held = {"lock": lock, "sockets": [connection]}
        copied = copy_value(held)
        assert copied is not held
        assert copied["lock"] is lock
        assert copied["sockets"][0] is connection
        ctx = context(held)
        assert ctx["lock"] is lock
        assert ctx.changed() == {}


def test_a_value_that_holds_itself_can_be_read() -> None:
    circle: list[Any] = []
    circle.append(circle)
    ctx = context({"circle": circle})
    assert ctx["circle"][0] is ctx["circle"]


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(max_size=3), inner, max_size=4)
            | st.lists(inner, max_size=3).map(tuple)
        ),
        max_leaves=12,
    )


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
)


def change_somewhere(value: Any, choose: Callable[[int], int]) -> bool:
    """Change a list or dict inside ``value`` in place, if there is any."""
    if isinstance(value, dict):
        for inner in value.values():
            if choose(2) and change_somewhere(inner, choose):
                return True
        value["changed"] = value.get("changed", 0) == 0
        return True
    if isinstance(value, list | tuple):
        for inner in value:
            if choose(2) and change_somewhere(inner, choose):
                return True
        if isinstance(value, list):
            value.append("changed")
            return True
    return False


@given(value=nested(LEAVES), data=st.data())
def test_any_change_in_place_is_noticed_and_does_not_reach_the_original(
    value: Any, data: st.DataObject
) -> None:
    original = copy.deepcopy(value)
    ctx = context({"value": value})
    changed = change_somewhere(ctx["value"], lambda n: data.draw(st.integers(0, n - 1)))
    assert same(value, original)
    assert ("value" in ctx.changed()) == changed
