"""Values come back as they went in, or are named as what they were."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from pydantic import BaseModel

from sagaz_core.model import NotStored
from sagaz_core.storage.codec import (
    MAX_DEPTH,
    NotStorableError,
    pack,
    pack_with_markers,
    unpack,
)
from sagaz_core.testing.strategies import shape, values

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()


class Money(BaseModel):
    amount: int = 1


@dataclass
class Plain:
    x: int = 1


class Odd(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=3)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(values)
def test_any_value_comes_back_with_its_types(value: Any) -> None:
    assert shape(unpack(pack(value))) == shape(value)


@pytest.mark.parametrize(
    "value",
    [
        math.inf,
        -0.0,
        1 << 64,
        -(1 << 63) - 1,
        Decimal("1.10"),
        Decimal("-0E+3"),
        Decimal("sNaN"),
        (1, (2, {"deep": {(3,)}})),
        datetime(2024, 10, 27, 2, 30, fold=1),
        datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        datetime(2024, 1, 1, tzinfo=timezone(-timedelta(hours=5, seconds=7))),
        time(1, 2, tzinfo=BERLIN),
        time(1, 2, 3, 4, tzinfo=UTC, fold=1),
        timedelta(days=-1, microseconds=1),
        date(1, 1, 1),
        UUID(int=0),
        NotStored("/a", "socket", "has no stored form"),
        "ąć \N{LATIN SMALL LETTER D WITH STROKE}",
    ],
)
def test_edges_come_back_exactly(value: Any) -> None:
    back = unpack(pack(value))
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_nan_stays_nan() -> None:
    assert math.isnan(unpack(pack(math.nan)))


def test_a_zone_of_another_kind_comes_back_as_its_offset() -> None:
    value = datetime(2024, 1, 1, 12, tzinfo=Odd())
    back = unpack(pack(value))
    assert back == value
    assert back.utcoffset() == timedelta(hours=3)


def test_equal_sets_have_equal_bytes() -> None:
    grown: set[int] = set()
    for number in (64, 0, 32, 8, 128):
        grown.add(number)
    assert list(grown) != list({0, 8, 32, 64, 128})
    assert pack(grown) == pack({0, 8, 32, 64, 128})


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (object(), "object"),
        (Colour.RED, "Colour"),
        (Level.LOW, "Level"),
        (Point(1, 2), "Point"),
        (Text("x"), "Text"),
        (OrderedDict(a=1), "OrderedDict"),
        (Money(), "Money"),
        (Plain(), "Plain"),
        ({1: "a"}, "dict"),
        ({Text("k"): 1}, "dict"),
        ("\ud800", "str"),
        ({"\ud800": 1}, "dict"),
        (bytearray(b"x"), "bytearray"),
        (memoryview(b"x"), "memoryview"),
        (range(3), "range"),
        (1j, "complex"),
    ],
)
def test_what_has_no_stored_form_is_named_by_path_and_type(value: Any, type_name: str) -> None:
    holder = {"good": Decimal(1), "a/b": [0, (1, value)]}
    with pytest.raises(NotStorableError):
        pack(holder)
    packed, markers = pack_with_markers(holder, "/cart")
    back = unpack(packed)
    marker = back["a/b"][1][1]
    assert markers == [marker]
    assert (marker.path, marker.type_name) == ("/cart/a~1b/1/1", type_name)
    assert back["good"] == Decimal(1)


def test_a_mutable_buffer_in_a_long_list_is_found() -> None:
    items: list[Any] = [{"n": number, "raw": b"x"} for number in range(100)]
    items[70]["raw"] = bytearray(b"x")
    _, markers = pack_with_markers(items)
    assert [marker.path for marker in markers] == ["/70/raw"]


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}, lambda x: (x,)])
def test_what_lies_too_deep_is_cut_off_and_nothing_crashes(wrap: Any) -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = wrap(deep)
    packed, (marker,) = pack_with_markers(deep)
    assert f"{MAX_DEPTH} levels" in marker.reason
    assert len(packed) < 10_000
    kept: Any = 1
    for _ in range(MAX_DEPTH):
        kept = wrap(kept)
    assert unpack(pack_with_markers(kept)[0]) == kept


def test_a_value_that_contains_itself_is_cut_off() -> None:
    loop: dict[str, Any] = {"n": 1}
    loop["left"] = loop["right"] = loop
    packed, markers = pack_with_markers(loop)
    assert {marker.reason for marker in markers} == {"contains itself"}
    assert unpack(packed)["n"] == 1


def test_a_marker_that_is_stored_again_is_itself() -> None:
    packed, _ = pack_with_markers({"a": object()})
    again, markers = pack_with_markers(unpack(packed))
    assert markers == []
    assert again == packed


def test_damaged_bytes_are_refused() -> None:
    packed = pack({"a": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"."):
        unpack(packed[:-1])
    with pytest.raises(ValueError, match=r"."):
        unpack(b"\xd4\x63x")
