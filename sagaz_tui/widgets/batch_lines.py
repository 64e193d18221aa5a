"""A batch in lines: what it would do, how far it is, and what needs a look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sagaz_core.model import PlannedOverride, StepFate
from sagaz_tui.batch.progress import BatchProgress, EndedItem, ItemState
from sagaz_tui.showing.text import short_age, short_duration, visible
from sagaz_tui.showing.theme import GlyphName, glyph
from sagaz_tui.widgets.diff_lines import difference_line, difference_of, path_width
from sagaz_tui.widgets.lines import Line, Span, Token
from sagaz_tui.widgets.safe_text import clip, fit, wrap

if TYPE_CHECKING:
    from sagaz_core.replay.batch import BatchItem, BatchPreview
    from sagaz_tui.batch.request import BatchRequest

_IN_DOUBT: Final = {
    "retry": "steps in doubt run again",
    "skip": "steps in doubt are taken as done",
}
_SKIPPED: Final = 200
_REASON_LINES: Final = 4
_ERRORS: Final = 10
_ERROR_CELLS: Final = 50
_FATES: Final[tuple[tuple[StepFate, str], ...]] = (
    ("runs_again", "again"),
    ("runs", "runs"),
    ("restored_in_name", "in name only"),
)
_STATES: Final[tuple[tuple[ItemState, GlyphName, str, Token], ...]] = (
    ("succeeded", "completed", "succeeded", "ok"),
    ("failed", "step_failed", "failed", "fail"),
    ("in_doubt", "doubt", "in doubt", "changed"),
    ("skipped", "gone", "skipped", "muted"),
)


def title_line(
    count: int, name: str, state: str, token: Token, production: str
) -> tuple[Line, Line]:
    """Return the title of a batch of so many sagas, and at its right how it stands."""
    what = f"replay of {count:,} saga{'s' * (count != 1)}"
    left = (
        Span(" Batch  ", "muted"),
        Span(what, "text", bold=True),
        Span(f"  {visible(name)}", "muted"),
    )
    label = (Span(f"{visible(production)}  ", "changed", bold=True),) if production else ()
    return left, (*label, Span(f"{state} ", token))


def preview_lines(preview: BatchPreview, width: int, request: BatchRequest) -> list[Line]:
    """Return what a batch would do: how many from where, the first plans, who is left out."""
    steps = " · ".join(f"{visible(step)} {count:,}" for step, count in preview.by_step.items())
    lines: list[Line] = [
        (
            Span(f" {preview.runs:,} of {preview.count:,} would run", "text", bold=True),
            Span(f"   from {steps}" if steps else "", "muted"),
        ),
    ]
    if request.override_file:
        count = len(request.saga_overrides)
        words = f" {request.override_file} sets values in {count:,} of them, each its own"
        lines.append((Span(clip(words, width), "changed"),))
    if request.in_doubt is not None:
        lines.append((Span(f" {_IN_DOUBT[request.in_doubt]}", "changed"),))
    lines.append(())
    if preview.samples:
        head = " The first of them" if preview.runs > len(preview.samples) else " They are"
        lines.append((Span(head, "muted", bold=True),))
        for item in preview.samples:
            lines += [_sample_line(item, width), *_change_lines(item, width)]
        lines.append(())
    if preview.skipped:
        many = f"{len(preview.skipped):,} {'are' if len(preview.skipped) > 1 else 'is'} left out"
        lines.append((Span(f" {many}", "muted", bold=True),))
        for item in preview.skipped[:_SKIPPED]:
            lines += _left_out_lines(item, width)
    if len(preview.skipped) > _SKIPPED:
        lines.append((Span(f"   and {len(preview.skipped) - _SKIPPED:,} more", "muted"),))
    return lines


def _sample_line(item: BatchItem, width: int) -> Line:
    steps = item.plan.steps if item.plan is not None else ()
    words = [
        f"{word}: {', '.join(names)}"
        for fate, word in _FATES
        if (names := [visible(step.name) for step in steps if step.fate == fate])
    ]
    column = max(width // 4, 12)
    return (
        Span(f" {glyph('running')} ", "live"),
        Span(fit(item.saga_id, column)),
        Span(f"  {clip('; '.join(words), max(width - column - 6, 8))}", "muted"),
    )


def _change_lines(item: BatchItem, width: int) -> Iterator[Line]:
    last: dict[str, PlannedOverride] = {}
    for each in item.plan.overrides if item.plan else ():
        # What is set in one takes the place of what is set in all.
        first = last.get(each.path, each)
        last[each.path] = replace(each, before=first.before)
    changes = [difference_of(each) for each in last.values()]
    paths = path_width(changes, width - 5)
    for change in changes:
        yield (Span("     "), *difference_line(change, paths, width - 5))


def _left_out_lines(item: BatchItem, width: int) -> Iterator[Line]:
    column = max(width // 4, 12)
    reason = wrap(item.reason or "", max(width - column - 6, 8), _REASON_LINES)
    for number, part in enumerate(reason or [""]):
        lead = (
            (Span(f" {glyph('gone')} ", "muted"), Span(fit(item.saga_id, column)))
            if not number
            else (Span(" " * (column + 3)),)
        )
        yield (*lead, Span(f"  {part}", "changed"))


def progress_line(progress: BatchProgress, width: int, *, over: bool) -> Line:
    """Return the bar with how many are settled, how fast, and how long it will take."""
    words = f" {progress.done:,} of {progress.total:,}"
    if progress.rate is not None:
        words += f"  {progress.rate:,.1f}/s"
    if over:
        words += f"  took {short_duration(progress.seconds)} " if progress.rate else " "
    elif progress.seconds_left is not None:
        words += f"  {short_age(max(progress.seconds_left, 1))} left "
    cells = max(width - len(words) - 2, 10)
    full = cells * progress.done // progress.total if progress.total else 0
    failed = -(-cells * progress.counts["failed"] // progress.total) if progress.total else 0
    others = progress.counts["in_doubt"] + progress.counts["skipped"]
    unsettled = min(-(-cells * others // progress.total), cells - failed) if progress.total else 0
    good = max(full - failed - unsettled, 0)
    return (
        Span(" "),
        Span("█" * good, "ok"),
        Span("█" * failed, "fail"),
        Span("█" * unsettled, "muted"),
        Span("▁" * (cells - good - failed - unsettled), "muted"),
        Span(words, "text"),
    )


def counts_line(progress: BatchProgress) -> Line:
    """Return how many are in which state; what there is none of is left out."""
    spans = [Span(" ")]
    for state, sign, word, token in _STATES:
        count = progress.counts[state]
        if count or state == "succeeded":
            spans.append(Span(f"{glyph(sign)} {count:,} {word}   ", token))
    if progress.running:
        spans.append(Span(f"{glyph('running')} {progress.running:,} under way", "live"))
    return tuple(spans)


def errors_line(progress: BatchProgress) -> Line:
    """Return by which errors how many failed, most first."""
    spans: list[Span] = []
    for error, count in progress.errors.most_common(_ERRORS):
        spans.append(Span(f"{' · ' if spans else ' '}{clip(error, _ERROR_CELLS)}", "muted"))
        spans.append(Span(f" {count:,}", "text"))
    return tuple(spans)


def ended_line(item: EndedItem, width: int, *, selected: bool) -> Line:
    """Return a saga that was not brought to success, with why."""
    sign, token = next((sign, token) for state, sign, _, token in _STATES if state == item.state)
    column = max(width // 4, 12)
    return (
        Span(f" {glyph('row') if selected else ' '}", "live"),
        Span(f"{glyph(sign)} ", token),
        Span(fit(item.opens, column)),
        Span(f"  {clip(item.words, max(width - column - 7, 8))}", "text"),
    )


def end_words(progress: BatchProgress, because: str | None) -> list[str]:
    """Return what there is to say of a batch that is over, and what to do next."""
    words = []
    if because is not None:
        # How to go on from a shell; on the screen a key does.
        words.append(f"stopped because {because.partition('; see why, and resume')[0]}")
    if progress.counts["failed"] and not progress.left:
        words.append("open what failed to see why; a new batch takes it once more")
    return words
