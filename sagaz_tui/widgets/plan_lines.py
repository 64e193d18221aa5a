"""A replay's plan as lines: what stands against it, what each step does, what is changed."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import Final

from sagaz_core.model import MISSING, Difference, PlannedOverride, PlannedStep, ReplayPlan, StepFate
from sagaz_tui.text import short_age, visible
from sagaz_tui.theme import GlyphName, glyph
from sagaz_tui.values import type_word
from sagaz_tui.widgets.diff_lines import difference_line
from sagaz_tui.widgets.lines import Line, Span, Token
from sagaz_tui.widgets.safe_text import clip, fit

_FATES: Final[dict[StepFate, tuple[GlyphName, str, Token]]] = {
    "restored": ("completed", "restored", "muted"),
    "restored_in_name": ("kept", "restored in name only", "changed"),
    "runs": ("running", "runs", "live"),
    "runs_again": ("again", "runs again", "undo"),
    "in_doubt": ("doubt", "in doubt", "changed"),
}
_RUNNING: Final = frozenset({"runs", "runs_again"})
_NAME_CELLS: Final = 28


def plan_lines(plan: ReplayPlan, width: int, now: datetime) -> list[Line]:
    """Give a plan as lines, what stands against it first.

    Args:
        plan: the plan.
        width: cells that a line has.
        now: the time from which ages are counted.
    """
    lines: list[Line] = [_origin(plan, now)]
    if plan.problems:
        lines += [(), _heading("Cannot run", "fail")]
        for problem in plan.problems:
            lines += wrapped(problem.message, width, "fail", lead=glyph("step_failed"))
    if plan.steps:
        lines += [(), _heading("Steps")]
        names = min(max(len(visible(step.name)) for step in plan.steps), _NAME_CELLS)
        fates = max(len(_FATES[step.fate][1]) for step in plan.steps)
        lines += [_step_line(step, names, fates, width) for step in plan.steps]
    lines += [(), _heading("Context" if plan.overrides else "Context, as it was recorded")]
    lines += _change_lines(plan, width)
    if plan.fails_at is not None:
        lines += wrapped(f"{plan.fails_at} is made to fail instead of running", width, "changed")
    if plan.notes:
        lines += [(), _heading("Notes")]
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
    """Give a sentence over as many lines as it needs; ``lead`` stands before the first."""
    texts = wrap(visible(text), max(width - 6, 10), break_on_hyphens=False) or [""]
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


def _heading(text: str, token: Token = "text") -> Line:
    return (Span(f" {text}", token, bold=True),)


def _step_line(step: PlannedStep, names: int, fates: int, width: int) -> Line:
    sign, word, token = _FATES[step.fate]
    undone = f"undone since by {step.undone_by}" if step.undone_by else ""
    why = "; ".join(filter(None, (undone, step.note)))
    return (
        Span(f"   {glyph(sign)} ", token),
        Span(fit(step.name, names) + "  ", "text"),
        Span(fit(word, max(10, len(word))), token, bold=step.fate in _RUNNING),
        Span("  " + clip(why, max(width - names - fates - 10, 10)), "muted"),
    )


def _change_lines(plan: ReplayPlan, width: int) -> list[Line]:
    longest = max((len(visible(change.path)) for change in plan.overrides), default=0)
    paths = min(longest, max(width * 2 // 5, 12))
    return [
        (Span("  "), *difference_line(_difference(change), paths, width - 2))
        for change in plan.overrides
    ]


def _difference(change: PlannedOverride) -> Difference:
    before, after = change.before, change.after
    if before is MISSING:
        return Difference(change.path, "added", after=after)
    if after is MISSING:
        return Difference(change.path, "removed", before=before)
    retyped = type_word(before) != type_word(after) and None not in (before, after)
    return Difference(change.path, "type_changed" if retyped else "changed", before, after)
