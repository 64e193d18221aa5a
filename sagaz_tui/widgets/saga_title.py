"""The first line of a saga's debugger: which saga, how it stands, which store, how live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagaz_core.model import SagaSummary
from sagaz_tui.replaying.rehearsal_words import end_words
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.lines import Span, Token
from sagaz_tui.widgets.status_signs import STATUS_SIGNS
from sagaz_tui.widgets.title_parts import Part, Parts, Turn

if TYPE_CHECKING:
    from sagaz_core.model import ReplayStatus, Status

_ROLLBACK: dict[str, str] = {
    "none": "nothing undone",
    "completed": "rolled back",
    "failed": "rollback FAILED",
}


_ENDS: dict[str, ReplayStatus] = {"completed": "success", "failed": "failed"}


def saga_words(saga: SagaSummary, failed_step: str | None, *, ghost: bool = False) -> Parts:
    """Return a saga's id, class and state: ``✗ failed at charge_payment · rolled back``.

    Of a ``ghost``, which is rehearsed, how it would come out.
    """
    state = _ghost_words(saga, failed_step) if ghost else _status_words(saga, failed_step)
    parts = [
        *id_words(saga.saga_id),
        Part((Span(f"{visible(saga.saga_name)}  ", "muted"),), Turn.NAME),
        Part((state[0],)),
        # How it was rolled back matters less once a replay has made up for it.
        Part(tuple(state[1:]), Turn.ROLLBACK if saga.recovered else None),
    ]
    if saga.recovered:
        replay = Span(visible(saga.recovered_by or ""), "ok")
        parts += [Part((Span(" · recovered by ", "ok"),)), Part((replay,), Turn.ID)]
    if saga.parent_id is not None:
        origin = f" · replay of {visible(saga.parent_id)}"
        at = f" from #{saga.parent_sequence}" if saga.parent_sequence else ""
        parts.append(Part((Span(origin + at, "muted"),), Turn.ORIGIN))
    return tuple(parts)


def id_words(saga_id: str) -> Parts:
    """Return which saga this is."""
    name = Part((Span(visible(saga_id), "text", bold=True),), Turn.ID)
    return Part((Span(" "),)), name, Part((Span("  "),))


def _ghost_words(saga: SagaSummary, failed_step: str | None) -> list[Span]:
    step = visible(failed_step or saga.step_name or "")
    at = f" at {step}" if step and saga.status != "completed" else ""
    words = f"{glyph('ghost')} {end_words(_ENDS.get(saga.status, 'stopped'))}{at}"
    return [Span(words, "fail" if saga.status == "failed" else "ghost", bold=True)]


def _status_words(saga: SagaSummary, failed_step: str | None) -> list[Span]:
    sign, token = STATUS_SIGNS[saga.status]
    step = visible(failed_step or saga.step_name or "")
    at = f" at {step}" if step else ""
    words: dict[Status, str] = {
        "failed": f"failed{at}",
        "completed": "completed",
        "interrupted": f"interrupted{at}",
        "compensating": f"undoing {step}",
        "executing": f"running {step}",
    }
    spans = [Span(f"{glyph(sign)} {words[saga.status]}", token, bold=True)]
    if saga.status == "failed":
        undone: Token = "fail" if saga.compensation == "failed" else "muted"
        spans.append(Span(f" · {_ROLLBACK[saga.compensation]}", undone))
    return spans


def link_words(
    production: str, *, new: int, stale: str, limits: str, quiet: tuple[str, str] = ("", "")
) -> Parts:
    """Return the store's label and how live the screen is: ``LIVE``, ``+4 new`` or ``stale``.

    ``quiet`` tells that a saga that runs has written nothing for long, and what is known of its
    lease; empty: it has.
    """
    parts: list[Part] = []
    if production:
        parts.append(Part((Span(f" {visible(production)} ", "changed", bold=True),)))
    if limits:
        parts.append(Part((Span(f" {limits} ", "muted"),), Turn.LIMITS))
    said, lease = quiet
    if said and not stale:
        parts += [
            Part((Span(f" {said}", "changed"),), Turn.QUIET),
            Part((Span(lease, "changed"),), Turn.LEASE),
            Part((Span(" "),), Turn.QUIET),
        ]
    if stale:
        parts.append(Part((Span(f" {stale} ", "changed", bold=True),)))
    elif new:
        parts.append(Part((Span(f" +{new} new (G) ", "live", bold=True),)))
    else:
        parts.append(Part((Span(" LIVE ", "live"),)))
    return tuple(parts)
