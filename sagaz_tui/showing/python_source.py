"""Recorded values as Python source that makes them again."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sagaz_core.model import Masked, NotStored

IMPORTS: Final = """\
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
"""
"""What the source takes for granted, beside functions ``secret`` and ``lost``, each of which is
given the JSON Pointer of a value that is not here."""

_INDENT: Final = "    "
_DECIMAL_BITS: Final = 14_000
"""Above this Python refuses to read an integer in decimal digits."""


def python_source(value: Any, path: str = "", level: int = 0) -> str:
    """Return an expression for a recorded value.

    Args:
        value: the value.
        path: its JSON Pointer.
        level: how deep it stands in the source.
    """
    if isinstance(value, dict):
        members = (
            f"{key!a}: {python_source(each, f'{path}/{key}', level + 1)}"
            for key, each in value.items()
        )
        return _block("{", members, "}", level)
    if isinstance(value, list):
        return _block("[", _items(value, path, level), "]", level)
    if isinstance(value, tuple):
        return _block("(", _items(value, path, level), ")", level) if value else "()"
    if isinstance(value, (set, frozenset)):
        name = type(value).__name__
        items = sorted(_items(value, path, level))
        return f"{name}({_block('[', items, ']', level)})" if value else f"{name}()"
    if isinstance(value, Masked):
        return f"secret({path!a})"
    if isinstance(value, NotStored):
        return f"lost({path!a})"
    if isinstance(value, datetime | date | time):
        return f"{type(value).__name__}.fromisoformat({value.isoformat()!r})"
    if isinstance(value, timedelta):
        return f"timedelta({value.days}, {value.seconds}, {value.microseconds})"
    if isinstance(value, Decimal | UUID):
        return f"{type(value).__name__}({str(value)!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= _DECIMAL_BITS else hex(value)
    # ASCII only: what a text may do to a terminal or an editor it does not do from an escape.
    return ascii(value)


def _items(values: Iterable[Any], path: str, level: int) -> list[str]:
    return [python_source(each, f"{path}/{index}", level + 1) for index, each in enumerate(values)]


def _block(opening: str, parts: Iterable[str], closing: str, level: int) -> str:
    lines = [f"{_INDENT * (level + 1)}{part},\n" for part in parts]
    if not lines:
        return opening + closing
    return f"{opening}\n{''.join(lines)}{_INDENT * level}{closing}"
