"""A value's text in a line of few cells."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, Final

from rich.cells import cell_len

from sagaz_tui.showing.values import value_text
from sagaz_tui.widgets.safe_text import clip

_LEAST_TIME: Final = 8
"""Cells that are left of a time before its zone is cut too."""


def shown_value(value: Any, room: int) -> str:
    """Return a value on one line of at most ``room`` cells.

    A time that is too long keeps its zone, without which it would read as another one.
    """
    text = value_text(value, room * 2 + 2)
    if isinstance(value, (datetime, time)) and value.tzinfo is not None and cell_len(text) > room:
        body = value.replace(tzinfo=None).isoformat()
        zone = value.isoformat()[len(body) :] if value.utcoffset() else "Z"
        if room - len(zone) >= _LEAST_TIME:
            return clip(body, room - len(zone)) + zone
    return clip(text, room)
