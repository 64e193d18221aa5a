"""Why a saga stands as it does, in lines: the error, and how the steps went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from rich.cells import cell_len

from sagaz_core.model import (
    CheckpointSummary,
    StepError,
    StepInfo,
    StepRecord,
)
from sagaz_tui.showing.text import short_duration, visible, visible_lines
from sagaz_tui.showing.zone import in_zone
from sagaz_tui.widgets.lines import Line, Span, Token, line_width, spread
from sagaz_tui.widgets.safe_text import fit, wrap
from sagaz_tui.widgets.traceback_text import Raised, read_traceback

_MESSAGE_LINES: Final = 40
_HEAD_LINES: Final = 4
_CODE_LINES: Final = 3
_PAIR_LINES: Final = 4


# ---------------------------------------------------------------- error


def error_lines(
    checkpoint: CheckpointSummary,
    failure: CheckpointSummary | None,
    width: int,
    *,
    library: bool,
    key: str = " (o)",
) -> list[Line]:
    """Return the error of a checkpoint: headline, attempts, message, frames.

    ``failure`` is the saga's latest failed step, named where the checkpoint has no error.
    ``library`` shows frames of installed code too; ``key`` is said where they are left out.
    """
    if checkpoint.error is None:
        return [_no_error(checkpoint, failure)]
    lines = _headline(checkpoint.error, _tries(checkpoint), width)
    message = visible_lines(checkpoint.error.message.strip())[1:_MESSAGE_LINES]
    lines += [(Span(f"   {text}"),) for text in message]
    for number, raised in enumerate(read_traceback(checkpoint.error.traceback)):
        if number:
            cause = wrap(f"caused by {raised.headline}", max(width - 2, 1), _HEAD_LINES)
            lines += [(Span(f" {part}", "fail"),) for part in cause]
        lines += _frame_lines(raised, width, library, key)
    return lines


def _no_error(checkpoint: CheckpointSummary, failure: CheckpointSummary | None) -> Line:
    text = f" no error at #{checkpoint.sequence}"
    if failure is not None:
        text += f"; the latest is at #{failure.sequence} (f)"
    return (Span(text, "muted"),)


def _headline(error: StepError, tries: Line, width: int) -> list[Line]:
    """Type and message, with the tries at their right if there is room, else below."""
    headline = error.headline[: _HEAD_LINES * 500]
    whole = _type_first(visible(headline))
    if line_width(whole) + line_width(tries) < width:
        return [spread(whole, tries, width)]
    first, *rest = wrap(headline, max(width - 2, 1), _HEAD_LINES)
    lines: list[Line] = [_type_first(first), *((Span(f" {part}", "fail"),) for part in rest)]
    return [*lines, (Span(" "), *tries)] if tries else lines


def _type_first(headline: str) -> Line:
    name, colon, message = headline.partition(": ")
    return (Span(f" {name}", "fail", bold=True), Span(colon + message, "fail"))


def _tries(checkpoint: CheckpointSummary) -> Line:
    attempts = [
        attempt
        for record in checkpoint.step_records
        if record.name == checkpoint.step_name
        for attempt in record.attempts
    ]
    words = []
    if checkpoint.attempts:
        words.append(f"attempt {checkpoint.attempts} of {checkpoint.attempts}")
    if attempts:
        words.append(short_duration(attempts[-1].duration))
    return (Span(" · ".join(words) + " ", "muted"),) if words else ()


def _frame_lines(raised: Raised, width: int, library: bool, key: str) -> list[Line]:
    own = [frame for frame in raised.frames if not frame.library]
    shown = list(raised.frames) if library or not own else own
    places = [f" {visible(frame.place)} {visible(frame.function)}" for frame in shown]
    column = max(map(cell_len, places), default=0)
    codes = [visible(frame.code) for frame in shown]
    # Side by side only if all fit: one look shows either every place or every line of code.
    beside = column + 3 + max(map(cell_len, codes), default=0) <= width
    lines: list[Line] = []
    for frame, place, code in zip(shown, places, codes, strict=True):
        where = Span(
            fit(place, column) if beside else place, "future" if frame.library else "muted"
        )
        what = Span(f"   {code}", "muted" if frame.library else "text")
        if beside:
            lines.append((where, what))
        else:
            code_lines = wrap(frame.code, max(width - 5, 1), _CODE_LINES)
            lines += [(where,), *((Span(f"     {part}", what.token),) for part in code_lines)]
    hidden = len(raised.frames) - len(shown)
    if hidden:
        lines.append((Span(f" {hidden} library frame{'s' * (hidden > 1)}{key}", "future"),))
    return lines


# ---------------------------------------------------------------- steps


def step_lines(
    checkpoint: CheckpointSummary, definitions: Mapping[str, StepInfo], width: int
) -> list[Line]:
    """Return how the steps went that ended at a checkpoint, or the step that stands before it."""
    lines: list[Line] = []
    for record in checkpoint.step_records:
        lines += _record_lines(record, definitions.get(record.name), width)
    named = {record.name for record in checkpoint.step_records}
    step = checkpoint.step_name
    if step is not None and step not in named:
        begins = "  begins here" if checkpoint.kind == "before_step" else ""
        lines.append((Span(f" {visible(step)}", "text", bold=True), Span(begins, "muted")))
        lines += _definition_lines(definitions.get(step))
    if checkpoint.running_steps:
        lines.append(_pair("running", ", ".join(checkpoint.running_steps)))
    if not lines:
        return [(Span(f" no step ended at #{checkpoint.sequence}", "muted"),)]
    return [part for line in lines for part in _folded(line, width)]


def _record_lines(record: StepRecord, info: StepInfo | None, width: int) -> Iterable[Line]:
    failed = record.outcome != "completed"
    title: Line = (
        Span(f" {visible(record.name)}", "text", bold=True),
        Span(f"  {record.outcome.replace('_', ' ')}", "fail" if failed else "ok"),
    )
    yield spread(title, (Span(f"{short_duration(record.duration)} ", "muted"),), width)
    if len(record.attempts) > 1 or failed:
        for attempt in record.attempts:
            said = visible(attempt.error.headline) if attempt.error else "done"
            at = in_zone(attempt.started_at)
            yield _pair(
                f"try {attempt.number}",
                f"{at:%H:%M:%S}  {short_duration(attempt.duration)}  {said}",
            )
    yield from _key_lines(record)
    yield from _definition_lines(info)


def _key_lines(record: StepRecord) -> Iterable[Line]:
    for name, keys in (("read", record.keys_read), ("set", record.keys_set)):
        if keys:
            yield _pair(name, ", ".join(keys))
    if record.conflicts:
        yield _pair(
            "conflict", f"{', '.join(record.conflicts)}: set by a parallel branch too", "changed"
        )


def _definition_lines(info: StepInfo | None) -> Iterable[Line]:
    if info is None:
        return
    if info.depends_on:
        yield _pair("after", ", ".join(info.depends_on))
    undone = f"undone by {info.compensation}" if info.compensation else "has a compensation"
    traits = [
        undone if info.compensated else "no compensation",
        "idempotent" if info.idempotent else "not declared idempotent",
    ]
    yield _pair("is", ", ".join(traits))


def _folded(line: Line, width: int) -> list[Line]:
    """A name and its text over as many lines as the text needs, within reason."""
    if len(line) != 2 or line_width(line) <= width:
        return [line]
    name, text = line
    indent = cell_len(name.text)
    parts = wrap(text.text, max(width - indent, 1), _PAIR_LINES)
    heads = [name, *[Span(" " * indent)] * (len(parts) - 1)]
    return [(head, Span(part, text.token)) for head, part in zip(heads, parts, strict=True)]


def _pair(name: str, text: str, token: Token = "text") -> Line:
    return (Span(f"   {name:<9}", "muted"), Span(visible(text), token))
