"""A capture is what a snapshot was at one moment, and stays it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.errors import UsageError
from sagaz_core.model import NotStored, SagaSnapshot
from sagaz_core.storage.capture import Capture, capture, detach
from sagaz_core.storage.codec import unpack


def snapshot(**fields: Any) -> SagaSnapshot:
    return SagaSnapshot(saga_id="s", saga_name="S", **fields)


def context_of(taken: Capture) -> dict[str, Any]:
    return {key: unpack(value) for key, value in taken.context.items()}


def test_later_changes_do_not_reach_a_capture() -> None:
    context: dict[str, Any] = {"items": [1], "n": 1}
    completed = ["a"]
    taken = capture(snapshot(context=context, completed_steps=completed))
    context["items"].append(2)
    context["n"] = 2
    completed.append("b")
    assert context_of(taken) == {"items": [1], "n": 1}
    assert taken.completed_steps == ("a",)


def test_reusing_the_capture_before_gives_the_same_bytes_as_not() -> None:
    shared: list[int] = [1]
    context: dict[str, Any] = {"text": "x" * 50, "items": shared, "n": 1, "gone": 1}
    before = capture(snapshot(context=context))
    shared.append(2)
    context["n"] = 2
    del context["gone"]
    context["text"] = "x" * 49 + "y"
    fresh = capture(snapshot(context=context))
    reused = capture(snapshot(context=context), reuse=before)
    assert reused.context == fresh.context
    assert context_of(reused)["items"] == [1, 2]


def test_equal_values_of_different_types_are_not_taken_for_each_other() -> None:
    before = capture(snapshot(context={"x": 1, "y": 0.0}))
    after = capture(snapshot(context={"x": True, "y": -0.0}), reuse=before)
    assert [repr(value) for value in context_of(after).values()] == ["True", "-0.0"]


def test_an_unstorable_value_is_counted_once_for_each_capture() -> None:
    bad = object()
    first = capture(snapshot(context={"a": {"b": bad}}, results={"step": bad}))
    assert [(error.path, error.type_name) for error in first.errors] == [
        ("/a/b", "object"),
        ("/step", "object"),
    ]
    second = capture(snapshot(context=context_of(first)), reuse=first)
    assert second.errors == ()
    assert isinstance(context_of(second)["a"]["b"], NotStored)


def test_a_key_that_is_no_text_is_named() -> None:
    taken = capture(snapshot(context={1: "one", "1": "text", "a\ud800": 2}))
    assert [error.path for error in taken.errors] == ["/1", "/a\\ud800"]
    assert set(taken.context) == {"1", "a\\ud800"}


def test_above_the_limit_the_largest_values_go_first() -> None:
    context = {"small": "x" * 100, "large": "y" * 5000, "larger": "z" * 9000}
    taken = capture(snapshot(context=context), max_bytes=6000)
    found = context_of(taken)
    assert found["small"] == context["small"]
    assert found["large"] == context["large"]
    assert isinstance(found["larger"], NotStored)
    assert [error.path for error in taken.errors] == ["/larger"]
    assert taken.size <= 6000
    assert "9,003 bytes" in taken.errors[0].reason


def test_what_was_too_large_once_is_stored_when_it_fits() -> None:
    context = {"a": "x" * 5000, "b": "y" * 4000}
    before = capture(snapshot(context=context), max_bytes=6000)
    del context["b"]
    after = capture(snapshot(context=context), reuse=before, max_bytes=6000)
    assert context_of(after) == context
    assert after.errors == ()


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="time zone"):
        capture(snapshot(created_at=datetime(2024, 1, 1)))


_VALUES = st.one_of(
    st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3), st.just(object())
)
_CHANGES = st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), _VALUES))


@given(rounds=st.lists(_CHANGES, max_size=8))
def test_looking_only_at_what_is_said_to_have_changed_finds_the_same(
    rounds: list[dict[str, Any]],
) -> None:
    context: dict[str, Any] = {"kept": "x"}
    before: Capture | None = None
    for changes in rounds:
        for key, value in changes.items():
            if value is None:
                context.pop(key, None)
            else:
                context[key] = value
        latest = detach(context, {}, reuse=before, changed=set(changes), max_bytes=20)
        fresh = detach(context, {}, max_bytes=20)
        assert latest.context == fresh.context
        assert set(latest.errors) == set(fresh.errors)
        assert latest.size == fresh.size
        before = capture(snapshot())._replace(**latest._asdict())
