"""A replay's plan as lines: what stands against it, what each step does, what is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sagaz_core.model import PlannedStep, ReplayPlan, StepFate
from sagaz_tui.replaying.plan_words import step_words, took_words, use_words
from sagaz_tui.showing.text import short_age, visible
from sagaz_tui.showing.theme import GlyphName, glyph
from sagaz_tui.widgets.diff_lines import difference_line, difference_of
from sagaz_tui.widgets.lines import Line, Span, Token, spread
from sagaz_tui.widgets.safe_text import fit, wrap

_FATES: Final[dict[StepFate, tuple[GlyphName, str, Token]]] = {
    "restored": ("completed", "restored", "muted"),
    "restored_in_name": ("kept", "restored in name only", "changed"),
    "runs": ("running", "runs", "live"),
    "runs_again": ("again", "runs again", "undo"),
    "in_doubt": ("doubt", "in doubt", "changed"),
    "gone": ("gone", "gone", "fail"),
}
_RUNNING: Final = frozenset({"runs", "runs_again"})
_NAME_CELLS: Final = 28
_SENTENCE_LINES: Final = 20
_UNDONE_NAMED: Final = 12
"""Compensations that are named before they are only counted."""


def plan_lines(
    plan: ReplayPlan, width: int, now: datetime, choices: Mapping[str, str] = MappingProxyType({})
) -> list[Line]:
    """Give a plan as lines, what stands against it first.

    Args:
        plan: the plan.
        width: cells that a line has.
        now: the time from which ages are counted.
        choices: for a problem's code, the key by which a person chooses what to do about it.
    """
    lines: list[Line] = [_origin(plan, now)]
    if plan.problems:
        lines += [(), heading("Cannot run", "fail")]
        for problem in plan.problems:
            key = choices.get(problem.code)
            message = f"{problem.message}; here, press {key}" if key else problem.message
            lines += wrapped(message, width, "fail", lead=glyph("step_failed"))
    if plan.steps:
        lines += [(), *_step_lines(plan.steps, width)]
    lines += [(), heading("Context" if plan.overrides else "Context, as it was recorded")]
    lines += _change_lines(plan, width)
    if plan.fails_at is not None:
        lines += wrapped(f"{plan.fails_at} is made to fail instead of running", width, "changed")
    if plan.steps:
        lines += [(), heading("If it fails"), *wrapped(_undoing(plan.steps), width, "muted")]
    if plan.notes:
        lines += [(), heading("Notes")]
        for note in plan.notes:
            lines += wrapped(note, width, "muted")
    return lines


def summary_words(plan: ReplayPlan) -> str:
    """Give what running the plan means, in a few words: ``runs 3 steps, 1 of them again``."""
    again = sum(step.fate == "runs_again" for step in plan.steps)
    running = sum(step.fate in _RUNNING for step in plan.steps)
    words = f"runs {running} step{'s' if running != 1 else ''}"
    return f"{words}, {again} of them again" if again else words


def wrapped(text: str, width: int, token: Token, lead: str = " ") -> list[Line]:
    """Give a sentence over the lines it needs, within reason; ``lead`` stands before the first."""
    texts = wrap(text, max(width - 6, 10), _SENTENCE_LINES)
    return [
        (Span(f"   {' ' if number else lead} {part}", token),) for number, part in enumerate(texts)
    ]


def _origin(plan: ReplayPlan, now: datetime) -> Line:
    spans = [
        Span(" from ", "muted"),
        Span(visible(plan.from_step), "text", bold=True),
    ]
    if plan.sequence is not None:
        spans += [Span(", restored as it was at ", "muted"), Span(f"#{plan.sequence}", "text")]
    if plan.taken_at is not None:
        spans.append(Span(f", {short_age((now - plan.taken_at).total_seconds())} ago", "muted"))
    return tuple(spans)


def heading(text: str, token: Token = "text") -> Line:
    """Give the title of what follows."""
    return (Span(f" {text}", token, bold=True),)


def _step_lines(steps: Sequence[PlannedStep], width: int) -> Iterator[Line]:
    names = min(max(len(visible(step.name)) for step in steps), _NAME_CELLS)
    fates = max(10, *(len(_FATES[step.fate][1]) for step in steps))
    ran = any(took_words(step) for step in steps)
    yield spread(heading("Steps"), (Span("took ", "muted"),) if ran else (), width)
    for step in steps:
        sign, word, token = _FATES[step.fate]
        left = (
            Span(f"   {glyph(sign)} ", token),
            Span(fit(step.name, names) + "  ", "text"),
            Span(fit(word, fates), token, bold=step.fate in _RUNNING),
            Span("  " + visible(step_words(step)), "muted"),
        )
        took = took_words(step)
        yield spread(left, (Span(f"{took} ", "muted"),) if took else (), width)
        if step.note:
            yield from wrapped(step.note, width, "changed")


def _undoing(steps: Sequence[PlannedStep]) -> str:
    """Give what undoes which step, the latest first, in a sentence."""
    acting = [step for step in reversed(steps) if step.fate not in ("restored_in_name", "gone")]
    undone = [
        f"{step.compensation or 'an unnamed function'} undoes {step.name}"
        for step in acting
        if step.compensation is not None
    ]
    for_good = [step.name for step in acting if step.compensation is None]
    parts = (_some(undone), f"nothing undoes {_some(for_good)}" if for_good else "")
    return "; ".join(filter(None, parts))


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _UNDONE_NAMED
    return ", ".join(texts[:_UNDONE_NAMED]) + (f" and {more} more" if more > 0 else "")


def _change_lines(plan: ReplayPlan, width: int) -> Iterator[Line]:
    longest = max((len(visible(change.path)) for change in plan.overrides), default=0)
    paths = min(longest, max(width * 2 // 5, 12))
    for change in plan.overrides:
        yield (Span("  "), *difference_line(difference_of(change), paths, width - 2))
        if words := use_words(change):
            yield from wrapped(words, width, "muted")
