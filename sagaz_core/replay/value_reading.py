"""Text and JSON read as the type that was recorded where the value goes.

What is given may be a secret: no sentence about it repeats it.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NoReturn
from uuid import UUID

from sagaz_core.errors import OverrideError
from sagaz_core.model import MISSING, Masked, NotStored
from sagaz_core.storage.codec import MAX_DEPTH


def read_text(text: str, recorded: Any) -> Any:
    """Read what follows ``=``: as the recorded type where that can be.

    Otherwise, and for a new key or one recorded as None, a text that is JSON is what that JSON
    says, and any other is itself.

    Raises:
        OverrideError: a time has a zone where the recorded one has none, or the reverse.
    """
    # Most secrets are text; of one whose value is not here nothing else is known.
    if type(recorded) in (str, Masked):
        return text
    if text == "null":
        return None
    value = _scalar(text, recorded)
    if value is not MISSING:
        return value
    try:
        return read_json(text, MISSING if type(recorded) in _FROM_TEXT else recorded)
    except OverrideError:
        return text


def read_json(text: str, recorded: Any) -> Any:
    """Read what follows ``:=``: JSON, taken as the recorded type where it fits.

    A value of a type that JSON lacks can be given in its tagged form, as our JSON output has
    it: ``{"$decimal": "9.90"}``.

    Raises:
        OverrideError: it is no JSON, holds NaN or an infinity, names a key twice, or is nested too
            deeply.
    """
    try:
        data = json.loads(
            text,
            parse_float=Decimal,
            parse_int=_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_each_once,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise OverrideError(
            f"the value is no JSON ({reason}); quote text as in :='\"text\"', "
            "or use = for plain text"
        ) from None
    check_depth(data)
    return _fit(data, recorded)


def check_depth(value: Any) -> None:
    """Raise :class:`OverrideError` if a value is nested deeper than can be stored."""
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise _too_deep()
        inner = {
            id(item): item
            for node in level
            if isinstance(node, dict | list | tuple | set | frozenset)
            for item in (node.values() if isinstance(node, dict) else node)
        }
        level = list(inner.values())
        depth += 1


def untyped(recorded: Any) -> bool:
    """Whether what is recorded says nothing about the type that belongs there."""
    return recorded is None or recorded is MISSING or isinstance(recorded, NotStored | Masked)


def _too_deep() -> OverrideError:
    return OverrideError(
        f"the value is nested more than {MAX_DEPTH} levels deep, which cannot be stored; "
        "set a smaller part of it by its pointer"
    )


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} has no place in JSON")


def _int(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"a number of {len(digits)} digits is too long") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; whoever names one twice meant only one of them."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {_shortened(twice)} is there twice")
    return members


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")


# ---------------------------------------------------------------- from JSON


def _fit(data: Any, recorded: Any) -> Any:
    if isinstance(data, dict):
        tagged = _untag(data)
        if tagged is not MISSING:
            return tagged
        known = recorded if isinstance(recorded, dict) else {}
        return {key: _fit(item, known.get(key, MISSING)) for key, item in data.items()}
    if isinstance(data, list):
        return _fit_items(data, recorded)
    if isinstance(data, bool) or data is None:
        return data
    if isinstance(data, str):
        return _fit_text(data, recorded)
    if type(recorded) is Decimal:
        return Decimal(data)
    if isinstance(data, Decimal) or type(recorded) is float:
        return _float(data)
    return data


def _fit_items(data: list[Any], recorded: Any) -> Any:
    if isinstance(recorded, set | frozenset):
        pattern = next(iter(recorded), MISSING)
        items = [_fit(item, pattern) for item in data]
        try:
            return type(recorded)(items)
        except TypeError:
            return items
    if not isinstance(recorded, list | tuple):
        return [_fit(item, MISSING) for item in data]
    beyond = recorded[-1] if recorded else MISSING
    items = [
        _fit(item, recorded[index] if index < len(recorded) else beyond)
        for index, item in enumerate(data)
    ]
    return tuple(items) if isinstance(recorded, tuple) else items


def _fit_text(text: str, recorded: Any) -> Any:
    if isinstance(recorded, int | float):
        return text
    value = _scalar(text, recorded)
    return text if value is MISSING else value


def _float(number: Decimal | int) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise OverrideError("the number is too large for a float; give it as text or as an int")
    return value


def _untag(data: Mapping[str, Any]) -> Any:
    """Return the value of a tagged form; MISSING if the mapping is none."""
    if len(data) != 1:
        return MISSING
    ((tag, form),) = data.items()
    read = _FROM_TAG.get(tag)
    if read is None:
        return MISSING
    try:
        return read(form)
    except _UNREADABLE:
        raise OverrideError(f"what was given is no value for {tag}") from None


# ---------------------------------------------------------------- from text


_UNREADABLE: Final = (ValueError, TypeError, KeyError, ArithmeticError)


def _scalar(text: str, recorded: Any) -> Any:
    """Return the text as the recorded type; MISSING if it cannot be read so."""
    read = _FROM_TEXT.get(type(recorded))
    if read is None:
        return MISSING
    try:
        value = read(text)
    except _UNREADABLE:
        return MISSING
    _check_zone(value, recorded)
    return value


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _datetime(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _timedelta(text: str) -> timedelta:
    """Read seconds, exactly, as our JSON output writes them."""
    return timedelta(microseconds=int(_decimal(text) * 1_000_000))


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_FROM_TEXT: Final[dict[type, Callable[[str], Any]]] = {
    bool: _bool,
    int: int,
    float: _finite,
    Decimal: _decimal,
    datetime: _datetime,
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: _timedelta,
    UUID: UUID,
    bytes: _bytes,
}


def _check_zone(value: Any, recorded: Any) -> None:
    if not isinstance(value, datetime | time):
        return
    if value.tzinfo is None and recorded.tzinfo is not None:
        raise OverrideError(
            "it has no time zone, and the recorded time has one; add one, such as Z"
        )
    if value.tzinfo is not None and recorded.tzinfo is None:
        raise OverrideError("it has a time zone, and the recorded time has none; leave it out")


def _items(form: Any) -> list[Any]:
    if not isinstance(form, list):
        raise TypeError(form)
    return [_fit(item, MISSING) for item in form]


_FROM_TAG: Final[dict[str, Callable[[Any], Any]]] = {
    "$decimal": Decimal,
    "$datetime": _datetime,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$timedelta": _timedelta,
    "$uuid": UUID,
    "$bytes": _bytes,
    "$float": float,
    "$int": lambda form: int(form, 16),
    "$tuple": lambda form: tuple(_items(form)),
    "$set": lambda form: set(_items(form)),
    "$frozenset": lambda form: frozenset(_items(form)),
    "$dict": lambda form: {key: _fit(item, MISSING) for key, item in dict(form).items()},
}
