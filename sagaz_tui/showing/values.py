"""A recorded value as text for tables and the screen, and as JSON for other programs.

Text is spelled as JSON spells it where JSON has the type, so that what is shown can be typed
back as an override. Sets are shown sorted, since they have no order of their own.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sagaz_core.model import MISSING, Masked, NotStored
from sagaz_tui.showing.text import is_seen, visible

VALUE_WIDTH: Final = 200
"""How long a value's text may be in one line of a command's output."""
_WORDS: Final[dict[type, str]] = {type(None): "null", Masked: "secret"}
_BYTES_SHOWN: Final = 16
_DECIMAL_BITS: Final = 14_000
"""Above this Python refuses to write an integer in decimal digits (4,300 of them)."""


def type_word(value: Any) -> str:
    """Return the name of a value's type as a person knows it: ``Decimal``, ``str``, ``null``."""
    if isinstance(value, NotStored):
        return visible(value.type_name)
    return _WORDS.get(type(value), type(value).__name__)


def is_plain(value: Any) -> bool:
    """Whether a value's text alone says what it is: JSON has its type, or it is a mask."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return value.bit_length() <= _DECIMAL_BITS
    return value is None or isinstance(value, (str, list, dict, Masked))


def value_text(value: Any, limit: int | None = None) -> str:
    """Return a value on one line, safe to show, at most ``limit`` characters long.

    No more of a large value is looked at than is shown. A cut text ends in ``…``.
    """
    if limit is None:
        return "".join(_pieces(value, None))
    length, parts = 0, []
    for piece in _pieces(value, limit + 1):
        parts.append(piece)
        length += len(piece)
        if length > limit:
            return "".join(parts)[: max(limit - 1, 0)] + "…"
    return "".join(parts)


def _pieces(value: Any, limit: int | None) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _joined("{", "}", (_entry(k, v, limit) for k, v in value.items()))
    elif isinstance(value, list):
        yield from _joined("[", "]", (_pieces(item, limit) for item in value))
    elif isinstance(value, tuple):
        end = ",)" if len(value) == 1 else ")"
        yield from _joined("(", end, (_pieces(item, limit) for item in value))
    elif isinstance(value, (set, frozenset)):
        yield from _joined(
            *_set_brackets(value), ([item] for item in sorted(map(value_text, value)))
        )
    elif isinstance(value, str):
        yield _quoted(value if limit is None else value[:limit])
    else:
        yield _scalar(value)


def _set_brackets(value: set[Any] | frozenset[Any]) -> tuple[str, str]:
    if not value:
        return f"{type_word(value)}(", ")"
    return ("frozenset({", "})") if isinstance(value, frozenset) else ("{", "}")


def _entry(key: Any, value: Any, limit: int | None) -> Iterator[str]:
    yield _quoted(str(key)) + ": "
    yield from _pieces(value, limit)


def _joined(start: str, end: str, items: Iterable[Iterable[str]]) -> Iterator[str]:
    yield start
    for number, item in enumerate(items):
        if number:
            yield ", "
        yield from item
    yield end


def _quoted(text: str) -> str:
    return _safe_json(json.dumps(text, ensure_ascii=False))


def _scalar(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return _int_text(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return _float_word(value) or repr(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _bytes_text(bytes(value))
    if value is MISSING:
        return "‹not set›"
    return visible(str(value))


def _int_text(value: int) -> str:
    return str(value) if value.bit_length() <= _DECIMAL_BITS else hex(value)


def _float_word(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return None


def _bytes_text(value: bytes) -> str:
    shown = value[:_BYTES_SHOWN].hex(" ")
    more = " …" if len(value) > _BYTES_SHOWN else ""
    return f"‹{len(value)} bytes: {shown}{more}›" if value else "‹0 bytes›"


# ---------------------------------------------------------------- JSON


def json_form(value: Any) -> Any:
    """Return a value as data that :mod:`json` can write, with no type lost.

    What JSON has stays as it is. Everything else is an object of one key that starts with
    ``$`` and names the type; a dict that would look like one is wrapped in ``$dict``.
    """
    if isinstance(value, dict):
        members = {str(key): json_form(item) for key, item in value.items()}
        tagged = len(members) == 1 and next(iter(members)).startswith("$")
        return {"$dict": members} if tagged else members
    if isinstance(value, list):
        return [json_form(item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [json_form(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {f"${type_word(value)}": [json_form(item) for item in sorted(value, key=value_text)]}
    if is_plain(value) and not isinstance(value, Masked):
        return value
    return _tagged(value)


def _tagged(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"$float": _float_word(value)}
    if isinstance(value, int):
        return {"$int": hex(value)}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, (datetime, date, time)):
        return {f"${type_word(value)}": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$timedelta": _seconds(value)}
    if isinstance(value, UUID):
        return {"$uuid": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Masked):
        return {"$secret": str(value)}
    if isinstance(value, NotStored):
        return {
            "$not_stored": {
                "path": value.path,
                "type": value.type_name,
                "reason": value.reason,
            }
        }
    return {"$unreadable": str(value)}


def _seconds(value: timedelta) -> str:
    """Exact seconds as decimal text; a float would lose microseconds of long spans."""
    micros = value // timedelta(microseconds=1)
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), 1_000_000)
    return f"{sign}{whole}.{rest:06d}" if rest else f"{sign}{whole}"


def json_text(data: Any, *, indent: int | None = 2) -> str:
    """Return ``data``, already in JSON form, as JSON text that is safe to show in a terminal."""
    return _safe_json(json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False))


def _safe_json(text: str) -> str:
    """Write what does not print as JSON's own escapes; only inside strings can there be any."""
    return "\n".join(
        line if is_seen(line) else "".join(map(_json_escape, line)) for line in text.split("\n")
    )


def _json_escape(char: str) -> str:
    if is_seen(char) or char == "\u3000":
        return char
    return json.dumps(char, ensure_ascii=True)[1:-1] if char != "\x7f" else "\\u007f"
