"""A saga as a line of the list: which columns there is room for, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from rich.cells import cell_len

from sagaz_core.model import SagaSummary
from sagaz_tui.showing.text import short_age, short_duration, visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.lines import Line, Span, Token
from sagaz_tui.widgets.safe_text import clip, fit
from sagaz_tui.widgets.status_signs import STATUS_SIGNS

Column = Literal["id", "saga", "step", "error", "age", "took", "checkpoints", "undo"]

_HEADS: Final[dict[Column, str]] = {
    "id": "ID",
    "saga": "SAGA",
    "step": "STEP",
    "error": "ERROR",
    "age": "AGE",
    "took": "TOOK",
    "checkpoints": "CKPT",
    "undo": "UNDO",
}
_RIGHT: Final[frozenset[Column]] = frozenset({"age", "took", "checkpoints"})
_FIXED: Final[dict[Column, int]] = {"age": 4, "took": 7, "checkpoints": 4, "undo": 6}
_GAP: Final = 2
_LEAD: Final = 4
"""Marked, selected, status and a space."""
_TRAIL: Final = 1
_WIDE: Final = 110
_UNDO: Final[dict[str, tuple[str, Token]]] = {
    "none": ("none", "muted"),
    "completed": ("done", "undo"),
    "failed": ("FAILED", "fail"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns with their widths in cells, and what the step's column is called."""

    columns: tuple[tuple[Column, int], ...]
    step_head: str = "STEP"


def lay_out(rows: Iterable[SagaSummary], width: int, *, step_head: str) -> Layout:
    """Give each column its width, from what the first rows hold.

    ``ERROR`` takes what is left. Columns go before it becomes too narrow to tell anything:
    first those only a wide terminal has, then the saga's name, then the step.
    """
    sample = list(rows)
    wide = width >= _WIDE
    natural: dict[Column, int] = {
        "id": _longest((row.saga_id for row in sample), 4, 36 if wide else 14),
        "saga": _longest((row.saga_name for row in sample), 4, 24 if wide else 14),
        "step": _longest(
            (row.step_name or "" for row in sample), len(step_head), 28 if wide else 16
        ),
    }
    order: list[Column] = ["id", "saga", "step", "error", "age", "undo"]
    if wide:
        order[5:5] = ["took", "checkpoints"]
    for leave_out in (None, "saga", "step", "undo"):
        if leave_out in order:
            order.remove(leave_out)
        taken = sum(natural.get(name, _FIXED.get(name, 0)) + _GAP for name in order)
        left = width - _LEAD - _TRAIL - taken + _GAP
        if left >= 14:
            break
    natural["error"] = max(left, 5)
    columns = tuple((name, natural.get(name, _FIXED.get(name, 0))) for name in order)
    return Layout(columns, step_head)


def _longest(texts: Iterable[str], least: int, most: int) -> int:
    longest = max((cell_len(visible(text[: most + 1])) for text in texts), default=least)
    return min(max(longest, least), most)


def head_line(layout: Layout) -> Line:
    """Give the columns' names as a line."""
    cells = []
    for name, width in layout.columns:
        head = layout.step_head if name == "step" else _HEADS[name]
        cells.append(head.rjust(width) if name in _RIGHT else head.ljust(width))
    return (Span(" " * _LEAD + (" " * _GAP).join(cells), "muted"),)


def saga_line(
    row: SagaSummary, layout: Layout, now: datetime, *, selected: bool, marked: bool = False
) -> Line:
    """Give a saga as a line of the list."""
    sign, token = STATUS_SIGNS[row.status]
    if row.recovered:
        sign, token = "completed", "ok"
    spans = [
        Span(glyph("marked") if marked else " ", "live"),
        Span(glyph("row") if selected else " ", "live"),
        Span(glyph(sign) + " ", token),
    ]
    for number, (column, width) in enumerate(layout.columns):
        text, colour = _cell(row, column, now)
        if column == "id":
            shown = fit(shorten_id(text, width), width)
        elif column in _RIGHT:
            shown = clip(text, width)
            shown = " " * (width - cell_len(shown)) + shown
        else:
            shown = fit(text, width)
        spans.append(Span((" " * _GAP if number else "") + shown, colour))
    return tuple(spans)


def age_text(row: SagaSummary, now: datetime) -> str:
    """Give how long ago a saga last changed."""
    return short_age((now - row.updated_at).total_seconds())


def shorten_id(saga_id: str, cells: int) -> str:
    """Give an id that fits, its middle left out: what tells ids apart is at their ends."""
    shown = visible(saga_id)
    if cell_len(shown) <= cells or not shown.isascii():
        return shown
    tail = (cells - 1) // 2
    return f"{shown[: cells - 1 - tail]}…{shown[len(shown) - tail :]}"


def _cell(row: SagaSummary, column: Column, now: datetime) -> tuple[str, Token]:
    match column:
        case "id":
            return row.saga_id, "text"
        case "saga":
            return row.saga_name, "muted"
        case "step":
            return row.step_name or "", "text"
        case "error":
            return _story(row)
        case "age":
            return age_text(row, now), "muted"
        case "took":
            return short_duration((row.updated_at - row.started_at).total_seconds()), "muted"
        case "checkpoints":
            return str(row.checkpoints), "muted"
        case "undo":
            return _undo(row)


def _story(row: SagaSummary) -> tuple[str, Token]:
    if row.recovered:
        return f"recovered by {row.recovered_by}", "ok"
    match row.status:
        case "failed":
            return row.error or "failed", "text"
        case "executing":
            return "running", "live"
        case "compensating":
            return f"undoing: {row.error}" if row.error else "undoing", "undo"
        case "interrupted":
            return "interrupted: its process is gone; go on with `sagaz resume`", "changed"
        case "completed":
            return "completed", "ok"


def _undo(row: SagaSummary) -> tuple[str, Token]:
    return _UNDO[row.compensation] if row.status == "failed" else ("", "muted")


def no_start(row: SagaSummary) -> str:
    """Give why a replay cannot start at a saga's failure; empty: it can."""
    saga_id = visible(row.saga_id)
    if row.recovered:
        return f"{saga_id} was recovered already, by {visible(row.recovered_by or '')}"
    if row.status in ("executing", "compensating"):
        return f"{saga_id} is still running"
    if row.status == "completed" or row.step_name is None:
        return f"nothing failed in {saga_id}; open it to choose where to start"
    return ""
