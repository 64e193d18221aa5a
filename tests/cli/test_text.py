"""Nothing recorded reaches a terminal as anything but letters."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sagaz_core.model import MISSING, NotStored
from sagaz_tui.showing.text import short_age, short_duration, visible, visible_lines
from sagaz_tui.showing.values import is_plain, json_form, json_text, type_word, value_text

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e\u200b\x00\r\n\t\udc80\u2028\U000e0041\xa0"


def test_everything_that_does_not_print_is_written_as_an_escape() -> None:
    shown = visible(HOSTILE)
    assert shown.isprintable()
    assert shown == (r"\x1b]0;owned\x07\x9b2J\u202e\u200b\x00\r\n\t\udc80\u2028\U000e0041\xa0")


def test_printable_text_comes_back_as_it_is() -> None:
    text = "Färberei 日本　語 [bold]no markup[/bold] 👍 \\x1b"
    assert visible(text) == text


def test_lines_are_split_and_tabs_widened() -> None:
    assert visible_lines("a\tb\r\n\x1bc") == ["a   b", "\\x1bc"]


@pytest.mark.parametrize(
    ("value", "text", "word"),
    [
        (None, "null", "null"),
        (True, "true", "bool"),
        (7, "7", "int"),
        (1.5, "1.5", "float"),
        (float("nan"), "NaN", "float"),
        (float("-inf"), "-Infinity", "float"),
        ('a"b\n', '"a\\"b\\n"', "str"),
        (Decimal("9.90"), "9.90", "Decimal"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00", "datetime"),
        (date(2024, 1, 2), "2024-01-02", "date"),
        (time(3, 4), "03:04:00", "time"),
        (timedelta(seconds=90), "0:01:30", "timedelta"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001", "UUID"),
        (b"ab", "‹2 bytes: 61 62›", "bytes"),
        (b"", "‹0 bytes›", "bytes"),
        ((1,), "(1,)", "tuple"),
        ([1, (2, 3)], "[1, (2, 3)]", "list"),
        ({2, 1}, "{1, 2}", "set"),
        (set(), "set()", "set"),
        (frozenset({1}), "frozenset({1})", "frozenset"),
        ({"a": {"b": []}}, '{"a": {"b": []}}', "dict"),
        (NotStored("/a", "So\x1bcket", "open"), "‹not stored: So\\x1bcket›", "So\\x1bcket"),
        (MISSING, "‹not set›", "Missing"),
    ],
)
def test_each_type_has_one_text(value: Any, text: str, word: str) -> None:
    assert value_text(value) == text
    assert type_word(value) == word


def test_a_cut_text_is_as_long_as_allowed_and_says_so() -> None:
    assert value_text([1] * 1000, 20) == "[1, 1, 1, 1, 1, 1, …"
    assert value_text("abc", 5) == '"abc"'
    assert value_text("abcdef", 5) == '"abc…'


def test_no_more_of_a_large_value_is_looked_at_than_is_shown() -> None:
    class Watched(list[int]):
        looked_at = 0

        def __iter__(self) -> Any:
            for number in range(1_000_000):
                self.looked_at += 1
                yield number

    watched = Watched()
    value_text(watched, 30)
    assert watched.looked_at < 30


def test_an_integer_too_long_for_decimal_digits_is_shown_in_hexadecimal() -> None:
    assert value_text([10**5000]) == f"[{10**5000:#x}]"
    assert json_form(10**5000) == {"$int": hex(10**5000)}


def test_hostile_text_inside_a_value_is_shown_escaped() -> None:
    shown = value_text({HOSTILE: [HOSTILE]})
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"a": [1, 2.5, None, "x"]}, {"a": [1, 2.5, None, "x"]}),
        (Decimal("9.90"), {"$decimal": "9.90"}),
        (float("nan"), {"$float": "NaN"}),
        (float("inf"), {"$float": "Infinity"}),
        (datetime(2024, 1, 2), {"$datetime": "2024-01-02T00:00:00"}),
        (date(2024, 1, 2), {"$date": "2024-01-02"}),
        (time(3), {"$time": "03:00:00"}),
        (timedelta(days=-1, microseconds=3), {"$timedelta": "-86399.999997"}),
        (timedelta(hours=1), {"$timedelta": "3600"}),
        (UUID(int=1), {"$uuid": "00000000-0000-0000-0000-000000000001"}),
        (b"\x00\xff", {"$bytes": "AP8="}),
        ((1, (2,)), {"$tuple": [1, {"$tuple": [2]}]}),
        ({2, 1}, {"$set": [1, 2]}),
        (frozenset({1}), {"$frozenset": [1]}),
        ({"$decimal": "1"}, {"$dict": {"$decimal": "1"}}),
        (
            NotStored("/s", "Socket", "open"),
            {"$not_stored": {"path": "/s", "type": "Socket", "reason": "open"}},
        ),
    ],
)
def test_each_type_has_one_json_form(value: Any, form: Any) -> None:
    assert json_form(value) == form
    assert json.loads(json_text(json_form(value))) == form


def test_json_text_holds_nothing_unprintable_and_reads_back_the_same() -> None:
    text = json_text({HOSTILE: HOSTILE, "ü": "日本"})
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == {HOSTILE: HOSTILE, "ü": "日本"}
    assert '"ü": "日本"' in text


def test_a_type_that_json_has_needs_no_word() -> None:
    assert is_plain(1.5)
    assert not is_plain(float("nan"))
    assert not is_plain(Decimal(1))


def test_ages_and_durations_are_short() -> None:
    assert [short_age(seconds) for seconds in (-3, 59, 60, 7200, 200_000)] == [
        "0s",
        "59s",
        "1m",
        "2h",
        "2d",
    ]
    assert [short_duration(seconds) for seconds in (0.0414, 1.2041, 185, 7620)] == [
        "41ms",
        "1.204s",
        "3m 05s",
        "2h 07m",
    ]
