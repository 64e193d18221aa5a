"""A title in parts, which give way one after another where there is no room for all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from rich.cells import cell_len

from sagaz_tui.widgets.lines import Line, Span, line_width
from sagaz_tui.widgets.safe_text import clip_middle


class Turn(IntEnum):
    """When something gives way, the first one first. How a saga stands and how live the screen
    is have no turn: they stay."""

    ORIGIN = 1
    LEASE = 2
    ID = 3
    NAME = 4
    ROLLBACK = 5
    MORE_OF_ID = 6
    LIMITS = 7
    QUIET = 8
    MOST_OF_ID = 9


_ID_LEFT: Final = {Turn.ID: 36, Turn.MORE_OF_ID: 24, Turn.MOST_OF_ID: 12}
"""Cells that are left of an id, whose middle is left out; a UUID takes 36."""


class Part(NamedTuple):
    """Spans that give way at their ``turn`` all at once; an id is only shortened."""

    spans: Line
    turn: Turn | None = None


Parts = tuple[Part, ...]


def in_full(parts: Iterable[Part]) -> Line:
    """Return all parts."""
    return tuple(span for part in parts for span in part.spans)


def fitted(left: Parts, right: Parts, width: int) -> tuple[Line, Line]:
    """Return both sides with as many parts as ``width`` cells have room for, one between them."""
    for turn in Turn:
        too_wide = line_width(in_full((*left, *right))) + 1 - width
        if too_wide <= 0:
            break
        left, right = _without(left, turn, too_wide), _without(right, turn, too_wide)
    return in_full(left), in_full(right)


def _without(parts: Parts, turn: Turn, too_wide: int) -> Parts:
    least = _ID_LEFT.get(turn)
    if least is None:
        return tuple(part for part in parts if part.turn is not turn)
    return tuple(
        part._replace(spans=tuple(_shortened(span, too_wide, least) for span in part.spans))
        if part.turn is Turn.ID
        else part
        for part in parts
    )


def _shortened(span: Span, too_wide: int, least: int) -> Span:
    width = cell_len(span.text)
    return span._replace(text=clip_middle(span.text, min(max(width - too_wide, least), width)))
