"""Staged edits in words: a line of a diff each, and what one does as it is typed."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from sagaz_tui.edits.staged import StagedEdit
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.values import type_word
from sagaz_tui.widgets.diff_lines import difference_line
from sagaz_tui.widgets.lines import Line, Span
from sagaz_tui.widgets.safe_text import clip

_STAGED_SHOWN: Final = 3


def edit_words(edit: StagedEdit) -> str:
    """Return what an edit does: sign, pointer, values, and the type it is read as."""
    line = difference_line(edit.difference, cell_len(edit.pointer), 10_000)
    text = "".join(span.text for span in line).strip()
    return f"{' '.join(text.split())}   as {type_word(edit.after)}"


def staged_lines(edits: tuple[StagedEdit, ...], width: int) -> list[Line]:
    """Return the staged edits as lines of a diff, the latest last, the first ones counted."""
    hidden = max(len(edits) - _STAGED_SHOWN, 0)
    lines: list[Line] = []
    if hidden:
        lines.append((Span(f" {hidden} more before", "muted"),))
    shown = edits[hidden:]
    path_width = min(
        max((cell_len(visible(edit.pointer)) for edit in shown), default=0), width // 2
    )
    return lines + [_staged_line(edit, path_width, width) for edit in shown]


def _staged_line(edit: StagedEdit, path_width: int, width: int) -> Line:
    if edit.problem:
        return (Span(clip(f" ! {visible(edit.problem)}", width), "changed"),)
    return difference_line(edit.difference, path_width, width)
