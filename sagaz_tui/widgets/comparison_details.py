"""One row of two compared runs in full: how each fared, its error, and the values that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sagaz_core.history.compare import Comparison
from sagaz_core.history.step_runs import StepRun
from sagaz_core.model import SagaSummary
from sagaz_tui.showing.text import short_duration, visible
from sagaz_tui.widgets.comparison_rows import BEGINNING, ComparedRow, Side
from sagaz_tui.widgets.diff_lines import diff_lines
from sagaz_tui.widgets.lines import LaterLines, Line, Span
from sagaz_tui.widgets.safe_text import wrap

_ERROR_LINES: Final = 3
_ENDED: Final = frozenset({"completed", "failed", "timed_out", "cancelled"})


def detail_lines(row: ComparedRow, found: Comparison, width: int) -> Sequence[Line]:
    """Return what can be told of a row, in lines of ``width`` cells; the differences come last."""
    first: list[Line] = []
    if row.step is not None:
        for name, run in (("a", row.step.a), ("b", row.step.b)):
            first += _run_lines(name, run, row.a if name == "a" else row.b, width)
    elif row.name != BEGINNING:
        for name, saga in (("a", found.a), ("b", found.b)):
            first += _saga_lines(name, saga, row.a if name == "a" else row.b, width)
    heading = _heading(row)
    if not row.changes:
        return [*first, (Span(f" {heading}", "muted"),)]
    rest = diff_lines(heading, row.changes, width)
    return LaterLines(first, len(rest), lambda index: rest[index])


def _heading(row: ComparedRow) -> str:
    step = row.step
    if step is None:
        values = "the values of context and results"
        where = f"#{row.number_a} of a → #{row.number_b} of b"
        return f"{where}: " + ("what differs" if row.changes else f"{values} are the same")
    if row.changes:
        return "what it set, a → b"
    if step.a is None or step.b is None:
        return "only one of the two runs has this step"
    if step.a.restored or step.b.restored:
        return "it was taken over, so what it set is not compared"
    if not {step.a.outcome, step.b.outcome} <= _ENDED:
        return "it has not ended in both runs, so what it set is not compared"
    return "what it set is the same"


def _run_lines(name: str, run: StepRun | None, side: Side, width: int) -> Iterator[Line]:
    more = []
    if run is not None:
        if run.duration is not None:
            more.append(short_duration(run.duration))
        if run.origin:
            more.append(f"ran in {visible(run.origin)}")
        if run.sequence is not None:
            more.append(f"#{run.sequence}")
    yield _fared_line(name, side, more)
    if run is not None and run.error is not None:
        yield from _error_lines(run.error.headline, width)


def _saga_lines(name: str, saga: SagaSummary, side: Side, width: int) -> Iterator[Line]:
    took = short_duration((saga.updated_at - saga.started_at).total_seconds())
    yield _fared_line(name, side, [took, visible(saga.saga_id)])
    if saga.error:
        yield from _error_lines(saga.error, width)


def _fared_line(name: str, side: Side, more: Sequence[str]) -> Line:
    words = "".join(f" · {word}" for word in more)
    return (Span(f" {name}  ", "text", bold=True), *side, Span(words, "muted"))


def _error_lines(text: str, width: int) -> Iterator[Line]:
    for part in wrap(text, max(width - 5, 10), _ERROR_LINES):
        yield (Span(f"    {part}", "fail"),)
