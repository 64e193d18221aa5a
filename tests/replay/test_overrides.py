"""Overrides: how they are written, read as the recorded type, and applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sagaz_core.errors import OverrideError
from sagaz_core.history.diff import fingerprint
from sagaz_core.model import MISSING, NotStored
from sagaz_core.replay.overrides import (
    Override,
    apply_overrides,
    parse_override,
    read_override,
    type_mismatch,
)
from sagaz_tui.showing.values import json_form, json_text, value_text


def read(text: str, recorded: Any = MISSING, *, allow_type: bool = False) -> Any:
    state = {} if recorded is MISSING else {"k": recorded}
    pointer, value = read_override(parse_override(text), state, allow_type=allow_type)
    assert pointer == "/k"
    return value


def same(left: Any, right: Any) -> bool:
    return fingerprint(left) == fingerprint(right)


# ---------------------------------------------------------------- written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token=tok_new", Override("/token", "=", "tok_new")),
        ("token=a=b", Override("/token", "=", "a=b")),
        ("qty:=2", Override("/qty", ":=", "2")),
        ("token=@secret.txt", Override("/token", "=@", "secret.txt")),
        ("/cart/0/qty:=2", Override("/cart/0/qty", ":=", "2")),
        ("/a~1b=x", Override("/a~1b", "=", "x")),
        ("a~b=x", Override("/a~0b", "=", "x")),
        ("k=", Override("/k", "=", "")),
    ],
)
def test_an_override_is_a_place_an_operator_and_a_text(text: str, expected: Override) -> None:
    assert parse_override(text) == expected


@pytest.mark.parametrize("text", ["token", "=x", ":=1", ""])
def test_what_is_no_override_is_answered_with_the_grammar(text: str) -> None:
    with pytest.raises(OverrideError, match="write key=value"):
        parse_override(text)


@pytest.mark.parametrize(
    "text", ["token=x", "qty:=2", "token=@f", "/cart/0/qty:=2", "/a~1b=x", "/x:/y=1", "/x:=1"]
)
def test_an_override_reads_back_from_its_text(text: str) -> None:
    override = parse_override(text)
    assert parse_override(str(override)) == override


# ---------------------------------------------------------------- read

STAMP = datetime(2024, 12, 15, 10, 30, tzinfo=UTC)
NAIVE = datetime(2024, 12, 15, 10, 30)
AN_ID = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("text", "recorded", "value"),
    [
        ("k=007", "x", "007"),
        ("k=null", "x", "null"),
        ("k=42", 7, 42),
        ("k=42", 7.5, 42.0),
        ("k=1.10", Decimal("9.90"), Decimal("1.10")),
        ("k=false", True, False),
        ("k=2025-01-01T00:00:00Z", STAMP, datetime(2025, 1, 1, tzinfo=UTC)),
        ("k=2025-01-01T00:00", NAIVE, datetime(2025, 1, 1)),
        ("k=2025-01-01", date(2024, 1, 1), date(2025, 1, 1)),
        ("k=08:30", time(7), time(8, 30)),
        ("k=90.5", timedelta(1), timedelta(seconds=90.5)),
        (f"k={AN_ID}", UUID(int=1), AN_ID),
        ("k=aGk=", b"x", b"hi"),
        ("k=null", 7, None),
        ('k=["a", 2]', ("x",), ("a", 2)),
        ('k=["a"]', {"x"}, {"a"}),
        ('k={"price": 1.10}', {"price": Decimal(1)}, {"price": Decimal("1.10")}),
        ("k:=1.10", Decimal(1), Decimal("1.10")),
        ("k:=3", Decimal(1), Decimal(3)),
        ("k:=3", 1.5, 3.0),
        ('k:="2025-01-01"', date(2024, 1, 1), date(2025, 1, 1)),
        ("k:=[1.5, 2.5, 3.5]", [Decimal(1)], [Decimal("1.5"), Decimal("2.5"), Decimal("3.5")]),
        ("k:=null", 7, None),
        ("k:=1e2", MISSING, 100.0),
        ("k:=123456789012345678901234567890", 7, 123456789012345678901234567890),
    ],
)
def test_a_text_is_read_as_the_recorded_type(text: str, recorded: Any, value: Any) -> None:
    assert same(read(text, recorded), value)


@pytest.mark.parametrize("recorded", [MISSING, None, NotStored("/k", "Socket", "no form")])
@pytest.mark.parametrize(
    ("text", "value"),
    [("k=tok", "tok"), ("k=2", 2), ("k=2.5", 2.5), ("k=true", True), ("k=[1]", [1]), ("k=", "")],
)
def test_where_no_type_is_recorded_a_text_is_its_json_or_itself(
    text: str, value: Any, recorded: Any
) -> None:
    assert same(read(text, recorded), value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("9.90"),
        STAMP,
        date(2024, 1, 1),
        time(7, 30),
        timedelta(days=-1, microseconds=3),
        AN_ID,
        b"\x00\xff",
        (1, Decimal("2.0")),
        {1, 2},
        frozenset({"a"}),
        float("inf"),
        pytest.param(2**70_000, id="large"),
        {"$decimal": "1"},
        {"a": [(1, {"b": Decimal(1)})]},
    ],
)
def test_any_value_can_be_given_in_the_form_that_json_output_has(value: Any) -> None:
    assert same(read(f"k:={json_text(json_form(value), indent=None)}"), value)


@pytest.mark.parametrize("value", [7, 1.5, True, Decimal("1.0"), STAMP, AN_ID, [1, "a"], {"a": 1}])
def test_what_is_shown_can_be_typed_back(value: Any) -> None:
    assert same(read(f"k={value_text(value)}", value), value)


def test_a_value_comes_from_a_file_as_text_or_bytes(tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_bytes(b"12.50")
    assert same(read(f"k=@{file}", Decimal(1)), Decimal("12.50"))
    assert same(read(f"k=@{file}", b""), b"12.50")
    with pytest.raises(OverrideError, match=r"/k: the file '.*nothing' cannot be read"):
        read(f"k=@{tmp_path / 'nothing'}")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(OverrideError, match="no UTF-8 text"):
        read(f"k=@{file}", "x")


@pytest.mark.parametrize(
    ("text", "recorded", "sentence"),
    [
        ("k:=tok_new", "x", "/k: the value is no JSON"),
        ("k:=NaN", 1.5, "NaN has no place in JSON"),
        ("k:=[1, Infinity]", [1], "Infinity has no place in JSON"),
        ("k:=1e999", 1.5, "too large for a float"),
        ("k:=" + "[" * 20_000 + "]" * 20_000, [1], "more than 200 levels deep"),
        ("k:=" + "[" * 300 + "]" * 300, [1], "more than 200 levels deep"),
        ('k:={"$decimal": "x"}', MISSING, "no value for \\$decimal"),
        ("k=abc", 7, "/k is recorded as int, and the override is a str"),
        ("k=NaN", 7.5, "/k is recorded as float, and the override is a str"),
        ("k:=true", 7, "/k is recorded as int, and the override is a bool"),
        ("k=1.5", 7, "/k is recorded as int, and the override is a float"),
        ("k=2025-01-01T00:00", STAMP, "has no time zone, and the recorded time has one"),
        ("k=2025-01-01T00:00Z", NAIVE, "has a time zone, and the recorded time has none"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, recorded: Any, sentence: str) -> None:
    with pytest.raises(OverrideError, match=sentence):
        read(text, recorded)


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("ssn 4111", MISSING),
        ("=4111", MISSING),
        ("k:=4111x", "x"),
        ("k:=4111e999", 1.5),
        ('k:={"$decimal": "4111x"}', MISSING),
        ("k:=" + "4111" * 2_000, 1),
        ("k=4111x", 7),
        ("k=4111-01-01T00:00", STAMP),
        ("k=4111-01-01T00:00Z", NAIVE),
    ],
)
def test_what_cannot_be_read_is_not_repeated(text: str, recorded: Any) -> None:
    with pytest.raises(OverrideError) as caught:
        read(text, recorded)
    assert "4111" not in str(caught.value)


def test_another_type_can_be_allowed() -> None:
    assert same(read("k=abc", 7, allow_type=True), "abc")
    assert same(read("k=1.5", 7, allow_type=True), 1.5)


@pytest.mark.parametrize(
    ("recorded", "value", "fits"),
    [
        (None, "x", True),
        (7, None, True),
        (1.5, 2, True),
        (1, True, False),
        (True, 1, False),
        (1, 1.0, False),
        (Decimal(1), 1.0, False),
        ([1], (1,), False),
    ],
)
def test_which_types_fit(recorded: Any, value: Any, fits: bool) -> None:
    assert (type_mismatch(recorded, value) is None) == fits


# ---------------------------------------------------------------- applied

CONTEXT: Mapping[str, Any] = {
    "cart": [{"qty": 1}, {"qty": 2}],
    "route": ("north", {"stop": 1}),
    "tags": {"a"},
    "lock": "w-7",
}


def test_only_what_is_named_changes_and_the_given_context_never_does() -> None:
    changed = apply_overrides(CONTEXT, [("/cart/1/qty", 9), ("/route/1/stop", 2)], ["lock"])
    assert same(
        changed,
        {"cart": [{"qty": 1}, {"qty": 9}], "route": ("north", {"stop": 2}), "tags": {"a"}},
    )
    assert CONTEXT["cart"][1]["qty"] == 2
    assert changed["cart"] is not CONTEXT["cart"]


def test_values_are_taken_as_they_are_now() -> None:
    value = [1]
    changed = apply_overrides({}, [("/k", value)])
    value.append(2)
    assert changed == {"k": [1]}


def test_items_are_appended_and_removed() -> None:
    changed = apply_overrides(CONTEXT, [("/cart/-", {"qty": 3})], ["/cart/0", "/route/1"])
    assert same(changed["cart"], [{"qty": 2}, {"qty": 3}])
    assert same(changed["route"], ("north",))


@pytest.mark.parametrize(
    ("pointer", "sentence"),
    [
        ("/basket/0", "no 'basket' in the context; it has cart, route, tags, lock"),
        ("/cart/7/qty", "no item '7' in /cart, which has 2"),
        ("/cart/01/qty", "no item '01' in /cart"),
        ("/cart/-/qty", "no item '-' in /cart"),
        ("/cart/0/size/x", "no 'size' in /cart/0; it has qty, so set the parent first"),
        ("/lock/x", "its parent /lock is a str, which has no parts"),
        ("/tags/a", "its parent /tags is a set"),
        ("", "cannot replace the whole context"),
        ("cart", "'cart' is no JSON Pointer"),
        ("/a~2", "'/a~2' is no JSON Pointer"),
    ],
)
def test_a_place_that_is_not_there_says_what_is(pointer: str, sentence: str) -> None:
    with pytest.raises(OverrideError, match=sentence):
        apply_overrides(CONTEXT, [(pointer, 1)])


def test_what_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(OverrideError, match="no 'key' in the context"):
        apply_overrides(CONTEXT, [], ["key"])
