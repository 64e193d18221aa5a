"""What differs, in lines: one for each change, with the value before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from sagaz_core.model import MISSING, Difference, NotStored
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.values import type_word
from sagaz_tui.widgets.lines import LaterLines, Line, Span, Token, spread
from sagaz_tui.widgets.safe_text import fit
from sagaz_tui.widgets.shown_value import shown_value
from sagaz_tui.widgets.value_token import value_token

if TYPE_CHECKING:
    from sagaz_core.model import PlannedOverride

_SIGNS: Final[Mapping[str, tuple[str, Token]]] = {
    "added": ("+", "added"),
    "removed": ("-", "removed"),
    "changed": ("~", "changed"),
    "type_changed": ("~", "changed"),
}
_MEASURED: Final = 500
_AT_ONCE: Final = 4_096
"""Characters compared at a time: longer texts are not copied for it."""


def diff_heading(sequence: int, before: int | None, causes: Mapping[str, str | None]) -> str:
    """Return from where to where and by which step: ``#1→#2, by reserve_inventory``."""
    span = f"#{sequence}, the first" if before is None else f"#{before}→#{sequence}"
    steps = list(dict.fromkeys(step for step in causes.values() if step is not None))
    if not steps:
        return span
    more = f" and {len(steps) - 2} more" if len(steps) > 2 else ""
    return f"{span}, by {visible(', '.join(steps[:2]))}{more}"


def difference_of(change: PlannedOverride) -> Difference:
    """Return an override as what differs."""
    before, after = change.before, change.after
    if before is MISSING:
        return Difference(change.path, "added", after=after)
    if after is MISSING:
        return Difference(change.path, "removed", before=before)
    retyped = type_word(before) != type_word(after) and None not in (before, after)
    return Difference(change.path, "type_changed" if retyped else "changed", before, after)


def diff_lines(heading: str, changes: Sequence[Difference], width: int) -> Sequence[Line]:
    """Return the heading and a line for each change, written once it is looked at."""
    lines: list[Line] = [(Span(f" {heading}", "muted"),)]
    if not changes:
        return [*lines, (Span(" nothing changed", "muted"),)]
    paths = path_width(changes, width)
    return LaterLines(lines, len(changes), lambda n: difference_line(changes[n], paths, width))


def path_width(changes: Sequence[Difference], width: int) -> int:
    """Return how many cells the paths of these changes get."""
    measured = (*changes[:_MEASURED], *changes[-_MEASURED:])
    longest = max((cell_len(visible(each.path or "/")) for each in measured), default=0)
    return min(longest, max(width // 2, 12))


def sign_of(change: Difference) -> tuple[str, Token]:
    """Return the sign of a change, and its colour."""
    sign, token = _SIGNS[change.kind]
    return ("?" if isinstance(change.after, NotStored) else sign), token


def difference_line(change: Difference, path_width: int, width: int) -> Line:
    """Return one change: sign, JSON Pointer, and the value before and after."""
    sign, token = sign_of(change)
    retyped = change.kind == "type_changed"
    right: Line = (Span("TYPE ", "changed", bold=True),) if retyped else ()
    room = max(width - path_width - 6 - (6 if retyped else 0), 6)
    path = f" {sign} {fit(change.path or '/', path_width)}  "
    return spread((Span(path, token), *_values(change, retyped, room)), right, width)


def _values(change: Difference, retyped: bool, room: int) -> list[Span]:
    if change.before is MISSING:
        return [Span(_text(change.after, False, room), value_token(change.after))]
    if change.after is MISSING:
        return [Span(_text(change.before, False, room), value_token(change.before))]
    half = max(room // 2 - 2, 3)
    old, new = from_first_difference(change.before, change.after, half)
    before = _text(old, retyped, half)
    after = _text(new, retyped, max(room - cell_len(before) - 3, 3))
    return [
        Span(before, value_token(change.before, "muted")),
        Span(" → ", "muted"),
        Span(after, value_token(change.after)),
    ]


def _text(value: Any, retyped: bool, room: int) -> str:
    word = f" {type_word(value)}" if retyped else ""
    return shown_value(value, max(room - len(word), 4)) + word


def from_first_difference(before: Any, after: Any, room: int) -> tuple[Any, Any]:
    """Return two long texts from shortly before the place where they begin to differ.

    What does not fit would else be cut there, and both would look the same. Other values, texts
    that fit, and those that differ within the first ``room`` characters, come back as they are.
    """
    if not isinstance(before, str) or not isinstance(after, str):
        return before, after
    same = common_length(before, after)
    fits = max(len(before), len(after)) + 2 <= room
    if fits or before == after or same < room - 4:
        return before, after
    start = same - room // 4
    return "…" + before[start:], "…" + after[start:]


def common_length(before: str, after: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    low, high = 0, min(len(before), len(after))
    while low < high and before[low : low + _AT_ONCE] == after[low : low + _AT_ONCE]:
        low += _AT_ONCE
    high = min(low + _AT_ONCE, high)
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return min(low, high)
