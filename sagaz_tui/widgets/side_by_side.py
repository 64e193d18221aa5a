"""What differs, before and after side by side; long texts line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final

from rich.cells import chop_cells

from sagaz_core.model import MISSING, Difference
from sagaz_tui.showing.text import visible_lines
from sagaz_tui.showing.values import type_word, value_text
from sagaz_tui.widgets.diff_lines import common_length, sign_of
from sagaz_tui.widgets.lines import Line, Span, Token, crop, line_width
from sagaz_tui.widgets.safe_text import clip

CHANGES_SHOWN: Final = 100
_LINES_SHOWN: Final = 1_000
_LINES: Final = 200
"""So many lines of a text are looked at, from shortly before the first that differs."""
_CHARACTERS: Final = 8_000
_BEFORE: Final = 40
"""Characters shown of what is the same before the first difference."""
_WRAPPED: Final = 12
"""Lines that one value, or one line of a text, may take."""

Row = tuple[str, str, bool]
"""Text at the left and at the right, and whether they differ."""


def side_by_side(heading: str, changes: Sequence[Difference], width: int) -> list[Line]:
    """Return the changes in two columns, each under the path of its value."""
    lines: list[Line] = [(Span(f" {heading}", "muted"),)]
    if not changes:
        return [*lines, (Span(" nothing changed", "muted"),)]
    column = max((width - 6) // 2, 4)
    shown = 0
    while shown < min(len(changes), CHANGES_SHOWN) and len(lines) < _LINES_SHOWN:
        lines.append(_path_line(changes[shown], width))
        rows = _rows(changes[shown], column)
        lines += [_row_line(left, right, column, differs=differs) for left, right, differs in rows]
        shown += 1
    if more := len(changes) - shown:
        lines.append((Span(f" {more:,} more; v shows all, a line each", "muted"),))
    return lines


def _path_line(change: Difference, width: int) -> Line:
    sign, token = sign_of(change)
    types = ""
    if change.kind == "type_changed":
        types = f"   {type_word(change.before)} → {type_word(change.after)}"
    path = clip(change.path or "/", max(width - 4, 4))
    return crop((Span(f" {sign} {path}", token), Span(types, "muted")), width)


def _row_line(left: str, right: str, column: int, *, differs: bool) -> Line:
    old: Token = "removed" if differs else "muted"
    new: Token = "added" if differs else "muted"
    before = crop((Span(left, old),), column)
    fill = " " * (column - line_width(before))
    return (Span("   "), *before, Span(f"{fill} │ ", "future"), Span(right, new))


def _rows(change: Difference, column: int) -> Iterator[Row]:
    before, after = change.before, change.after
    if isinstance(before, str) and isinstance(after, str):
        yield from _text_rows(before, after, column)
        return
    left, right = (
        [] if value is MISSING else _wrapped(_written(value, column), column)
        for value in (before, after)
    )
    yield from ((a, b, True) for a, b in zip_longest(left, right, fillvalue=""))


def _written(value: Any, column: int) -> str:
    return value if isinstance(value, str) else value_text(value, column * _WRAPPED + 1)


def _wrapped(text: str, column: int) -> list[str]:
    lines = visible_lines(text[:_CHARACTERS])[:_LINES]
    return [part for line in lines for part in _broken(line, column)]


def _broken(line: str, column: int) -> list[str]:
    """A line over as many as it needs, within reason; nothing is left out, its indent neither."""
    parts = chop_cells(line, column)
    return parts if len(parts) <= _WRAPPED else [*parts[: _WRAPPED - 1], "…"]


def _text_rows(before: str, after: str, column: int) -> Iterator[Row]:
    """Both texts from shortly before the first difference, equal lines beside each other."""
    start = max(common_length(before, after) - _BEFORE, 0)
    ellipsis = "…" if start else ""
    old, new = (
        visible_lines(ellipsis + text[start : start + _CHARACTERS])[:_LINES]
        for text in (before, after)
    )
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for left, right in zip_longest(old[a:b], new[c:d], fillvalue=""):
            parts = zip_longest(_broken(left, column), _broken(right, column), fillvalue="")
            yield from ((one, other, tag != "equal") for one, other in parts)
