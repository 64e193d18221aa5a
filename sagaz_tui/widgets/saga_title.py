"""The first line of a saga's debugger: which saga, how it stands, which store, how live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagaz_core.model import SagaSummary
from sagaz_tui.rehearsal_words import end_words
from sagaz_tui.text import visible
from sagaz_tui.theme import glyph
from sagaz_tui.widgets.lines import Line, Span, Token

if TYPE_CHECKING:
    from sagaz_core.model import ReplayStatus

_ROLLBACK: dict[str, str] = {
    "none": "nothing undone",
    "completed": "rolled back",
    "failed": "rollback FAILED",
}


_ENDS: dict[str, ReplayStatus] = {"completed": "success", "failed": "failed"}


def saga_words(saga: SagaSummary, failed_step: str | None, *, ghost: bool = False) -> Line:
    """Return a saga's id, class and state: ``✗ failed at charge_payment · rolled back``.

    Of a ``ghost``, which is rehearsed, how it would come out.
    """
    spans = [
        Span(f" {visible(saga.saga_id)}  ", "text", bold=True),
        Span(f"{visible(saga.saga_name)}  ", "muted"),
        *(_ghost_words(saga, failed_step) if ghost else _status_words(saga, failed_step)),
    ]
    if saga.recovered:
        spans.append(Span(f" · recovered by {visible(saga.recovered_by or '')}", "ok"))
    if saga.parent_id is not None:
        origin = f" · replay of {visible(saga.parent_id)}"
        at = f" from #{saga.parent_sequence}" if saga.parent_sequence else ""
        spans.append(Span(origin + at, "muted"))
    return tuple(spans)


def _ghost_words(saga: SagaSummary, failed_step: str | None) -> list[Span]:
    step = visible(failed_step or saga.step_name or "")
    at = f" at {step}" if step and saga.status != "completed" else ""
    words = f"{glyph('ghost')} {end_words(_ENDS.get(saga.status, 'stopped'))}{at}"
    return [Span(words, "fail" if saga.status == "failed" else "ghost", bold=True)]


def _status_words(saga: SagaSummary, failed_step: str | None) -> list[Span]:
    step = visible(failed_step or saga.step_name or "")
    at = f" at {step}" if step else ""
    if saga.status == "failed":
        token: Token = "fail" if saga.compensation == "failed" else "muted"
        return [
            Span(f"{glyph('step_failed')} failed{at}", "fail", bold=True),
            Span(f" · {_ROLLBACK[saga.compensation]}", token),
        ]
    if saga.status == "completed":
        return [Span(f"{glyph('completed')} completed", "ok", bold=True)]
    if saga.status == "interrupted":
        sign = glyph("interrupted")
        return [Span(f"{sign} interrupted{at}", "changed", bold=True)]
    if saga.status == "compensating":
        sign = glyph("before_compensation")
        return [Span(f"{sign} undoing {step}", "undo", bold=True)]
    return [Span(f"{glyph('running')} running {step}", "live", bold=True)]


def link_words(production: str, *, new: int, stale: str, limits: str, quiet: str = "") -> Line:
    """Return the store's label and how live the screen is: ``LIVE``, ``+4 new`` or ``stale``.

    ``quiet`` tells that a saga that runs has written nothing for long; empty: it has.
    """
    spans: list[Span] = []
    if production:
        spans.append(Span(f" {visible(production)} ", "changed", bold=True))
    if limits:
        spans.append(Span(f" {limits} ", "muted"))
    if quiet and not stale:
        spans.append(Span(f" {quiet} ", "changed"))
    if stale:
        spans.append(Span(f" {stale} ", "changed", bold=True))
    elif new:
        spans.append(Span(f" +{new} new (G) ", "live", bold=True))
    else:
        spans.append(Span(" LIVE ", "live"))
    return tuple(spans)
