"""Copies of context values and their comparison: what keeps attempts and branches apart."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from operator import is_
from typing import Any, Final
from uuid import UUID

from sagaz_core.model import NotStored

_ATOMS: Final = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        datetime,
        date,
        time,
        timedelta,
        timezone,
        Decimal,
        UUID,
        NotStored,
    }
)


def is_atom(value: object) -> bool:
    """Whether nobody can change ``value`` in place, so that it needs no copy."""
    return type(value) in _ATOMS


def copy_value(value: Any) -> Any:
    """Return a copy that shares nothing changeable with ``value``.

    Plain containers are copied by value: an object that occurs twice becomes two. What cannot
    be copied (a socket, a lock) is shared.
    """
    if type(value) in _ATOMS:
        return value
    try:
        return _copy(value)
    except RecursionError:
        return _copy_object(value)


def copy_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict of copies."""
    return {key: copy_value(value) for key, value in values.items()}


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        if _ATOMS.issuperset(map(type, value.values())):
            return value.copy()
        return {key: _copy(item) for key, item in value.items()}
    if kind is list:
        if _ATOMS.issuperset(map(type, value)):
            return value.copy()
        return [_copy(item) for item in value]
    if kind is tuple:
        if _ATOMS.issuperset(map(type, value)):
            return value
        return tuple([_copy(item) for item in value])
    if kind is set and _ATOMS.issuperset(map(type, value)):
        return value.copy()
    if kind is bytearray:
        return value.copy()
    return _copy_object(value)


def _copy_object(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - any class may refuse to be copied in a way of its own
        return value


def same(before: Any, after: Any) -> bool:
    """Whether two values are equal in content, types and order; when in doubt they are not."""
    try:
        return _same(before, after)
    except Exception:  # noqa: BLE001 - any class may compare in a way of its own, or not end
        return False


def _same(before: Any, after: Any) -> bool:
    if before is after:
        return True
    kind = type(before)
    if kind is not type(after):
        return False
    if kind is list or kind is tuple:
        if len(before) != len(after):
            return False
        return all(map(is_, before, after)) or all(map(_same, before, after))
    if kind is dict:
        return (
            len(before) == len(after)
            and all(map(_same, before, after))
            and all(map(_same, before.values(), after.values()))
        )
    if kind is str or kind is int or kind is bytes or kind is bytearray:
        return bool(before == after)
    if kind in _ATOMS:
        # Equal decimals and floats can still be written differently (1.0 and 1.00, 0.0 and -0.0).
        return bool(before == after) and repr(before) == repr(after)
    if kind is set or kind is frozenset:
        return bool(before == after) and sorted(map(_typed, before)) == sorted(map(_typed, after))
    compares: object = kind.__eq__
    if compares is object.__eq__:
        return hasattr(before, "__dict__") and _same(vars(before), vars(after))
    return bool(before == after)


def _typed(item: object) -> str:
    return f"{type(item).__name__} {item!r}"
