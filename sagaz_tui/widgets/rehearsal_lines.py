"""A rehearsal as lines: a ghost of the run, what each step did, and what differs in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from sagaz_core.model import Difference, Rehearsal, RehearsedStep, ReplayResult
from sagaz_tui.replaying.rehearsal_words import did_words, end_words, known_words
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.diff_lines import difference_line, path_width
from sagaz_tui.widgets.lines import Line, Span, Token, crop
from sagaz_tui.widgets.plan_lines import heading, wrapped
from sagaz_tui.widgets.safe_text import clip, fit

_ENDED_BADLY: Final = frozenset({"failed", "timed_out", "cancelled"})
_CHANGES_SHOWN: Final = 200
_LANE_NAME: Final = 24
_LONGEST_NAME: Final = 32


def rehearsal_lines(result: ReplayResult, rehearsal: Rehearsal, width: int) -> list[Line]:
    """Give a rehearsal that was walked as lines.

    Args:
        result: how it ended.
        rehearsal: what it did.
        width: cells that a line has.
    """
    failed = result.status == "failed"
    lines: list[Line] = [
        (Span(f" {end_words(result.status)}", "fail" if failed else "ghost", bold=True),),
        *(wrapped(result.error_message, width, "muted") if result.error_message else ()),
        (),
        crop((Span("   "), *_lane(rehearsal.steps)), width),
        (),
        heading("Steps"),
    ]
    names = max((cell_len(visible(step.name)) for step in rehearsal.steps), default=0)
    for step in rehearsal.steps:
        lines += _step_lines(step, min(names, _LONGEST_NAME), width)
    lines += [(), heading("In the end, against the checkpoint")]
    return [*lines, *(_change_lines(rehearsal.changes, width) or [(Span("   nothing differs"),)])]


def _lane(steps: Sequence[RehearsedStep]) -> Iterator[Span]:
    """Give the run as it would be: the steps that were walked, each with how it ended."""
    yield Span("├", "ghost")
    for step in steps:
        if step.known_from is None or step.outcome == "not_reached":
            continue
        bad = step.outcome in _ENDED_BADLY
        yield Span(f"┄┄{clip(step.name, _LANE_NAME)}┄┄", "ghost")
        yield Span(glyph("step_failed" if bad else "ghost"), "fail" if bad else "ghost")


def _step_lines(step: RehearsedStep, names: int, width: int) -> Iterator[Line]:
    known = known_words(step)
    yield crop(
        (
            Span(f"   {fit(step.name, names)}  ", "text", bold=True),
            Span(did_words(step), _token(step)),
            Span(f"  {visible(known)}" if known else "", "muted"),
        ),
        width,
    )
    if step.error is not None:
        yield from wrapped(step.error.headline, width, "fail")
    yield from _change_lines(step.changes, width)


def _token(step: RehearsedStep) -> Token:
    if step.outcome in _ENDED_BADLY:
        return "fail"
    if step.undone:
        return "undo"
    return "ghost" if step.outcome == "completed" else "muted"


def _change_lines(changes: Sequence[Difference], width: int) -> list[Line]:
    paths = path_width(changes[:_CHANGES_SHOWN], width - 4)
    lines: list[Line] = [
        (Span("    "), *difference_line(change, paths, width - 4))
        for change in changes[:_CHANGES_SHOWN]
    ]
    if more := len(changes) - len(lines):
        lines.append((Span(f"      and {more} more", "muted"),))
    return lines
