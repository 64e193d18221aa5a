"""Recorded values as an expression sees them, and its operators, which cannot run away."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import re2
from celpy import celtypes

SECONDS_EACH: Final = 1.0
"""So much time of a processor one evaluation may take."""
SECONDS_AT_FIRST: Final = 10.0
SECONDS_MORE: Final = 0.05
"""All evaluations together may take what they may at first, and so much more for each."""
MOST_GROWN: Final = 5_000_000
"""So many characters and list items one evaluation may put together."""

_QUIET: Final = re2.Options()
_QUIET.log_errors = False
_NUMBERS: Final = (celtypes.IntType, celtypes.UintType, celtypes.DoubleType)
_TIMES: Final = (celtypes.TimestampType, celtypes.DurationType)
_SEQUENCES: Final = (celtypes.StringType, celtypes.BytesType, celtypes.ListType)
_LONGEST_TIME_TEXT: Final = 100


class TooMuchError(Exception):
    """An evaluation takes too long, or makes too much."""


class UnfitError(TypeError):
    """A value is not of a type that the expression can take; the message says which."""


class Budget:
    """What evaluations may still take, each and all together."""

    def __init__(self) -> None:
        self.stopped = False
        """Set by whoever no longer waits for the answer."""
        self._left = SECONDS_AT_FIRST
        self._until = 0.0
        self._grown = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what one evaluation takes, in this thread."""
        began = time.thread_time()
        self._left += SECONDS_MORE
        self._grown = 0
        self._until = began + min(SECONDS_EACH, self._left)
        try:
            yield
        finally:
            self._left -= time.thread_time() - began

    def spend(self) -> None:
        """Do one thing more; raises TooMuchError when the time is up."""
        if self.stopped or time.thread_time() > self._until:
            raise TooMuchError("takes too long")

    def grow(self, size: int) -> None:
        """Make something of this size; raises TooMuchError when all is too much."""
        self._grown += size
        if self._grown > MOST_GROWN:
            raise TooMuchError("puts together too much")


# ---------------------------------------------------------------- values


def to_cel(value: Any) -> Any:
    """Return a recorded value in the language's types.

    Decimals, and integers beyond 64 bits, become the nearest double; tuples and sets lists;
    UUIDs, dates, times of day and durations above 10,000 years their text; a naive datetime is
    taken as UTC. What could not be stored is null.
    """
    convert = _CONVERSIONS.get(type(value))
    return None if convert is None else convert(value)


def _number(value: int) -> Any:
    return celtypes.IntType(value) if -(1 << 63) <= value < 1 << 63 else _double(value)


def _double(value: float | Decimal) -> Any:
    try:
        return celtypes.DoubleType(float(value))
    except OverflowError:
        return celtypes.DoubleType("inf" if value > 0 else "-inf")
    except ValueError:
        return celtypes.DoubleType("nan")


def _moment(value: datetime) -> Any:
    return celtypes.TimestampType(value if value.tzinfo else value.replace(tzinfo=UTC))


def _span(value: timedelta) -> Any:
    try:
        return celtypes.DurationType(value)
    except ValueError:
        return _text(value)


def _text(value: object) -> Any:
    return celtypes.StringType(str(value))


def _list(value: Any) -> Any:
    return celtypes.ListType([to_cel(item) for item in value])


def _map(value: Mapping[str, Any]) -> Any:
    return celtypes.MapType({celtypes.StringType(key): to_cel(item) for key, item in value.items()})


_CONVERSIONS: Final[dict[type, Callable[[Any], Any]]] = {
    bool: celtypes.BoolType,
    int: _number,
    float: celtypes.DoubleType,
    Decimal: _double,
    str: celtypes.StringType,
    bytes: celtypes.BytesType,
    list: _list,
    tuple: _list,
    set: _list,
    frozenset: _list,
    dict: _map,
    datetime: _moment,
    timedelta: _span,
    date: _text,
    time_of_day: _text,
    UUID: _text,
}


def type_name(value: Any) -> str:
    """Return what a value of the language is called in a sentence."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (celtypes.BoolType, "true or false"),
        (_NUMBERS, "a number"),
        (str, "a text"),
        (bytes, "bytes"),
        (list, "a list"),
        (dict, "a map"),
        (datetime, "a time"),
        (timedelta, "a duration"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")


# ---------------------------------------------------------------- operators


def functions(budget: Budget) -> dict[str, Callable[..., Any]]:
    """Return the operators and functions that take the place of the library's own.

    Those compare an int with a double one way round only, take text times a number, and a
    text's percent sign as a format; and whatever they make they make at once.
    """

    def equal(a: Any, b: Any) -> Any:
        if failed := _failed(a, b):
            return failed
        return celtypes.BoolType(_equal(a, b, budget))

    def unequal(a: Any, b: Any) -> Any:
        return _failed(a, b) or celtypes.BoolType(not _equal(a, b, budget))

    def among(item: Any, container: Any) -> Any:
        if failed := _failed(item, container):
            return failed
        if isinstance(container, dict):
            return celtypes.BoolType(item in container)
        if not isinstance(container, list):
            raise UnfitError(f"'in' looks into a list or a map, not into {type_name(container)}")
        if isinstance(item, str):
            # As often as not it is one of thousands of steps that is looked for.
            found = any(isinstance(each, str) and str.__eq__(each, item) for each in container)
        else:
            found = any(_equal(item, each, budget) for each in container)
        return celtypes.BoolType(found)

    def contains(container: Any, item: Any) -> Any:
        if isinstance(container, str) and isinstance(item, str):
            return celtypes.BoolType(item in container)
        return among(item, container)

    def add(a: Any, b: Any) -> Any:
        if failed := _failed(a, b):
            return failed
        if isinstance(a, _SEQUENCES) and type(a) is type(b):
            budget.grow(len(a) + len(b))
            return type(a)(operator.add(a, b))
        return _calculate(operator.add, a, b)

    return {
        "_==_": equal,
        "_!=_": unequal,
        "_in_": among,
        "contains": contains,
        "_+_": add,
        **{name: _ordering(compare) for name, compare in _ORDERINGS.items()},
        **{name: _calculation(calculate) for name, calculate in _CALCULATIONS.items()},
        "matches": _matches,
        "string": _to_text,
        "timestamp": _from_text(celtypes.TimestampType),
        "duration": _from_text(celtypes.DurationType),
    }


_ORDERINGS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
_CALCULATIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "_-_": operator.sub,
    "_*_": operator.mul,
    "_/_": operator.truediv,
    "_%_": operator.mod,
}
_ORDERED: Final = (str, bytes, celtypes.BoolType, datetime, timedelta)


def _failed(*values: Any) -> Any:
    """Return the first operand that is itself an error, as the library hands them on."""
    return next((value for value in values if isinstance(value, Exception)), None)


def _plain(number: Any) -> int | float:
    """Return a number as Python's: those are compared exactly, an int with a float too."""
    return float(number) if isinstance(number, float) else int(number)


def _equal(a: Any, b: Any, budget: Budget) -> bool:
    """Whether two values are equal; those of different types are not, but for numbers."""
    pairs = [(a, b)]
    while pairs:
        budget.spend()
        a, b = pairs.pop()
        if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
            if _plain(a) != _plain(b):
                return False
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pairs += zip(a, b, strict=True)
        elif isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            pairs += ((a[key], b[key]) for key in a)
        elif type_name(a) != type_name(b) or bool(a != b):
            return False
    return True


def _ordering(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def ordered(a: Any, b: Any) -> Any:
        if failed := _failed(a, b):
            return failed
        if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
            return celtypes.BoolType(compare(_plain(a), _plain(b)))
        if any(isinstance(a, kind) and isinstance(b, kind) for kind in _ORDERED):
            return celtypes.BoolType(compare(a, b))
        raise UnfitError(f"{type_name(a)} is neither more nor less than {type_name(b)}")

    return ordered


def _calculation(calculate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def calculated(a: Any, b: Any) -> Any:
        return _failed(a, b) or _calculate(calculate, a, b)

    return calculated


def _calculate(calculate: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
        if type(a) is not type(b):
            a, b = celtypes.DoubleType(a), celtypes.DoubleType(b)
        result = calculate(a, b)
        # The library gives back some of its doubles as Python's.
        return celtypes.DoubleType(result) if type(result) is float else result
    if isinstance(a, _TIMES) and isinstance(b, _TIMES):
        return calculate(a, b)
    raise UnfitError(f"cannot calculate with {type_name(a)} and {type_name(b)}")


def _matches(text: Any, pattern: Any) -> Any:
    if failed := _failed(text, pattern):
        return failed
    if not (isinstance(text, str) and isinstance(pattern, str)):
        raise UnfitError(f"matches() takes a text and a pattern, not {type_name(text)}")
    return celtypes.BoolType(compile_pattern(pattern).search(text) is not None)


def compile_pattern(pattern: str) -> Any:
    """Return a regular expression, searched in linear time; raises UnfitError if it is none."""
    try:
        return re2.compile(str(pattern), _QUIET)
    except re2.error as error:
        detail = error.args[0].decode(errors="replace") if error.args else ""
        raise UnfitError(f"{str(pattern)!r} is no regular expression: {detail}") from error


def _to_text(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise UnfitError(f"string() takes a single value, not {type_name(value)}")
    if isinstance(value, celtypes.BoolType):
        return celtypes.StringType("true" if value else "false")
    return celtypes.StringType(value)


def _from_text(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def converted(value: Any) -> Any:
        if isinstance(value, str) and len(value) > _LONGEST_TIME_TEXT:
            raise UnfitError("so long a text is no time")
        return kind(value)

    return converted
