"""Differences between two values, by JSON Pointer."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpointer import resolve_pointer

from sagaz_core.history.diff import diff, fingerprint
from sagaz_core.model import MISSING, Difference, NotStored


def lines(before: Any, after: Any) -> list[tuple[str, str]]:
    return [(line.kind, line.path) for line in diff(before, after)]


def test_equal_values_have_no_difference() -> None:
    state = {"a": [1, {"b": (1, 2.5)}], "c": {1, 2}, "d": Decimal("1.0"), "n": float("nan")}
    assert diff(state, {**state, "n": float("nan")}) == []


def test_added_removed_and_changed_keys_are_named_by_pointer() -> None:
    assert diff({"a": 1, "b": 2}, {"b": 3, "c": 4}) == [
        Difference("/a", "removed", before=1),
        Difference("/b", "changed", 2, 3),
        Difference("/c", "added", after=4),
    ]


def test_a_value_that_came_is_one_line_however_deep() -> None:
    assert lines({}, {"cart": {"items": [{"sku": "a"}, {"sku": "b"}]}}) == [("added", "/cart")]


def test_pointers_escape_tilde_and_slash() -> None:
    assert lines({"a/b": {"~c": 1}}, {"a/b": {"~c": 2}}) == [("changed", "/a~1b/~0c")]


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, True), (1, 1.0), (1, Decimal(1)), ("1", 1), ([1], (1,)), ({1}, frozenset({1}))],
)
def test_the_same_value_of_another_type_is_a_type_change(before: Any, after: Any) -> None:
    assert lines({"k": before}, {"k": after}) == [("type_changed", "/k")]


def test_coming_from_or_to_nothing_is_a_change_and_no_type_change() -> None:
    assert lines({"k": None}, {"k": "x"}) == [("changed", "/k")]
    marker = NotStored("/k", "Socket", "no stored form")
    assert lines({"k": marker}, {"k": "x"}) == [("changed", "/k")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Decimal("1.0"), Decimal("1.00")),
        (0.0, -0.0),
        (
            datetime(2024, 1, 1, 12, tzinfo=UTC),
            datetime(2024, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        ),
    ],
)
def test_values_that_python_calls_equal_but_read_differently_are_changed(
    before: Any, after: Any
) -> None:
    assert before == after
    assert lines({"k": before}, {"k": after}) == [("changed", "/k")]


def test_markers_of_the_same_lost_value_are_equal_wherever_they_stand() -> None:
    old = [NotStored("/k/0", "Socket", "no form")]
    new = ["first", NotStored("/k/1", "Socket", "no form")]
    assert lines(old, new) == [("added", "/0")]


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize("kind", [list, tuple])
def test_an_insertion_is_one_line(kind: Any) -> None:
    assert lines(kind("abcd"), kind("axbcd")) == [("added", "/1")]


def test_two_insertions_far_apart_in_a_list_of_documents_are_two_lines() -> None:
    before = [{"sku": f"s{n}", "qty": n} for n in range(300)]
    after = [*before[:10], {"sku": "x"}, *before[10:290], {"sku": "y"}, *before[290:]]
    assert lines(before, after) == [("added", "/10"), ("added", "/291")]


def test_a_removal_is_named_by_its_place_in_the_earlier_list() -> None:
    before = [{"id": n, "tags": ["x", "y"]} for n in range(4)]
    after = [{"id": 0, "tags": ["x", "y"]}, {"id": 2, "tags": ["x"]}, {"id": 3, "tags": ["x", "y"]}]
    assert lines(before, after) == [("removed", "/1"), ("removed", "/2/tags/1")]


def test_an_insertion_beside_a_change_pairs_the_items_that_are_alike() -> None:
    before = [{"sku": "a", "qty": 1, "price": 5}]
    after = [{"sku": "new", "qty": 9, "price": 7}, {"sku": "a", "qty": 2, "price": 5}]
    assert lines(before, after) == [("added", "/0"), ("changed", "/1/qty")]


def test_a_long_list_with_few_unique_items_still_ends_soon() -> None:
    chooser = random.Random(7)
    before = [chooser.randrange(3) for _ in range(20_000)]
    after = [chooser.randrange(3) for _ in range(20_000)]
    started = time.process_time()
    diff(before, after)
    assert time.process_time() - started < 5


def test_an_insertion_into_a_huge_list_is_one_line_and_quick() -> None:
    before = [{"n": n % 50_000} for n in range(60_000)]
    after = [{"n": -1}, *before, {"n": -2}]
    after.insert(30_000, {"n": -3})
    started = time.process_time()
    assert lines(before, after) == [
        ("added", "/0"),
        ("added", "/30000"),
        ("added", "/60002"),
    ]
    assert time.process_time() - started < 5


# ---------------------------------------------------------------- sets


def test_sets_differ_by_element() -> None:
    assert diff({"t": {"a", "b"}}, {"t": {"b", "c"}}) == [
        Difference("/t/a", "removed", before="a"),
        Difference("/t/c", "added", after="c"),
    ]


# ---------------------------------------------------------------- in general

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=2), inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=12,
)


@given(values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert diff(value, value) == []


@given(values, values)
def test_there_is_a_line_exactly_when_the_values_differ(before: Any, after: Any) -> None:
    assert bool(diff(before, after)) == (fingerprint(before) != fingerprint(after))


@given(values, values)
def test_every_line_points_at_the_values_it_shows(before: Any, after: Any) -> None:
    for line in diff(before, after):
        if line.kind == "removed":
            assert fingerprint(resolve_pointer(before, line.path)) == fingerprint(line.before)
            assert line.after is MISSING
        else:
            assert fingerprint(resolve_pointer(after, line.path)) == fingerprint(line.after)
