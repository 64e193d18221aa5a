"""Two runs side by side in rows: what they began with, each step, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len

from sagaz_core.history.compare import Comparison, StepComparison, compared_from
from sagaz_core.history.step_runs import StepRun, StepRunOutcome
from sagaz_core.model import Difference, SagaSummary
from sagaz_tui.showing.text import short_duration, visible
from sagaz_tui.showing.theme import GlyphName, glyph
from sagaz_tui.widgets.checkpoints import times
from sagaz_tui.widgets.lines import Line, Span, Token, crop, line_width
from sagaz_tui.widgets.safe_text import clip_middle, fit
from sagaz_tui.widgets.status_signs import STATUS_SIGNS

Side = tuple[Span, ...]
"""How one run fared, in a glyph and a few words."""

BEGINNING: Final = "the beginning"
END: Final = "the end"
_MEASURED: Final = 500
_ROOM_FOR_TIMES: Final = 100
_TIMES: Final = len("59.999s / 59.999s")

_OUTCOMES: Final[dict[StepRunOutcome, tuple[GlyphName, str, Token]]] = {
    "completed": ("after_step", "done", "ok"),
    "failed": ("step_failed", "failed", "fail"),
    "timed_out": ("step_failed", "timed out", "fail"),
    "cancelled": ("failed", "cancelled", "changed"),
    "restored": ("before_step", "restored", "muted"),
    "restored_in_name": ("kept", "in name only", "undo"),
    "unfinished": ("running", "begun", "live"),
    "not_reached": ("absent", "not reached", "muted"),
}


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One line of the two runs. ``number_a`` and ``number_b`` are the checkpoints to look at for
    more; None: there is none."""

    name: str
    a: Side
    b: Side
    differs: str = ""
    """In what they differ, in a few words; empty: in nothing."""
    changes: tuple[Difference, ...] = ()
    number_a: int | None = None
    number_b: int | None = None
    step: StepComparison | None = None
    """None: this is no step."""


def rows_of(found: Comparison, ghost: str | None = None) -> list[ComparedRow]:
    """Return the rows of a comparison, in order; ``ghost`` is the run that did not happen."""
    rows = _rows_of(found)
    if ghost == found.a.saga_id:
        return [replace(row, a=_as_ghost(row.a)) for row in rows]
    if ghost == found.b.saga_id:
        return [replace(row, b=_as_ghost(row.b)) for row in rows]
    return rows


def _as_ghost(side: Side) -> Side:
    """A step that was only walked has done nothing, well or not; its failure stays one."""
    return tuple(span if span.token == "fail" else _walked(span) for span in side)


def _walked(span: Span) -> Span:
    done = span.text[:1] in (glyph("after_step"), glyph("completed"))
    text = glyph("ghost") + span.text[1:] if done else span.text
    return span._replace(text=text, token="ghost")


def _rows_of(found: Comparison) -> list[ComparedRow]:
    a, b = found.a, found.b
    from_a, from_b = compared_from(a, b), compared_from(b, a)
    beginning = ComparedRow(
        BEGINNING,
        (Span(f"at #{from_a}", "muted"),),
        (Span(f"at #{from_b}", "muted"),),
        _counted(found.beginning),
        found.beginning,
        from_a,
        from_b,
    )
    end = ComparedRow(
        END,
        _ending(a),
        _ending(b),
        _counted(found.end),
        found.end,
        a.checkpoints,
        b.checkpoints,
    )
    return [beginning, *map(_step_row, found.steps), end]


def _step_row(step: StepComparison) -> ComparedRow:
    aspects = [aspect for aspect in step.differs if aspect != "context"]
    return ComparedRow(
        step.name,
        fared(step.a),
        fared(step.b),
        ", ".join([*aspects, *filter(None, [_counted(step.changes)])]),
        step.changes,
        step.a.sequence if step.a else None,
        step.b.sequence if step.b else None,
        step,
    )


def fared(run: StepRun | None) -> Side:
    """Return how a step fared in a run."""
    if run is None:
        return (Span("no such step", "muted"),)
    sign, word, token = _OUTCOMES[run.outcome]
    side: Side = (Span(f"{glyph(sign)} {word}{times(run.attempts)}", token),)
    return (*side, Span(" · undone", "undo")) if run.undone else side


def _ending(saga: SagaSummary) -> Side:
    sign, token = STATUS_SIGNS[saga.status]
    return (Span(f"{glyph(sign)} {saga.status}", token),)


def _counted(changes: Sequence[Difference]) -> str:
    return f"{len(changes):,} value{'s' * (len(changes) != 1)}" if changes else ""


# ---------------------------------------------------------------- columns


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is, in cells; ``time`` is 0 where there is no room for it."""

    name: int
    side: int
    time: int


def columns_for(rows: Sequence[ComparedRow], width: int) -> Columns:
    """Return the columns for rows that are ``width`` cells wide."""
    longest = max((cell_len(visible(row.name)) for row in rows[:_MEASURED]), default=0)
    wide = width >= _ROOM_FOR_TIMES
    return Columns(
        name=min(max(longest, cell_len(BEGINNING)), max(width // 4, 12)),
        side=22 if wide else min(max(width // 4, 10), 17),
        time=_TIMES if wide else 0,
    )


def head_line(a: str, b: str, columns: Columns) -> Line:
    """Return the heading of the columns; ``a`` and ``b`` are the runs' ids."""
    sides = " ".join(_filled_id(each, columns.side) for each in (a, b))
    text = f"   {fit('STEP', columns.name)}  {sides} "
    time = fit("TIME", columns.time) + " " if columns.time else ""
    return (Span(f"{text}{time}DIFFERS", "muted"),)


def _filled_id(text: str, width: int) -> str:
    kept = clip_middle(text, width)
    return kept + " " * (width - cell_len(kept))


def row_line(row: ComparedRow, columns: Columns, *, lit: bool) -> Line:
    """Return one row: what it is, how each run fared, and in what they differ."""
    time = _times(row.step) if columns.time else ""
    return (
        Span(glyph("row") if lit else " ", "live"),
        Span(f"{glyph('differs') if row.differs else ' '} ", "changed"),
        Span(f"{fit(row.name, columns.name)}  ", "muted" if row.step is None else "text"),
        *_filled(row.a, columns.side),
        *_filled(row.b, columns.side),
        *((Span(f"{fit(time, columns.time)} ", "muted"),) if columns.time else ()),
        Span(row.differs, "changed"),
    )


def _filled(side: Side, width: int) -> Line:
    kept = crop(side, width)
    return (*kept, Span(" " * (width - line_width(kept) + 1)))


def _times(step: StepComparison | None) -> str:
    if step is None:
        return ""
    a, b = (
        "-" if run is None or run.duration is None else short_duration(run.duration)
        for run in (step.a, step.b)
    )
    return f"{a} / {b}" if (a, b) != ("-", "-") else ""
