"""Recorded text for the screen: never markup, never an escape sequence, cut by terminal cells."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from sagaz_tui.showing.text import visible

_BOTH_ENDS: Final = 8
"""Cells from which on a text that is cut can keep both of its ends."""


def safe_text(text: str, style: str = "") -> Content:
    """Return recorded text as content in which brackets and control characters are just text."""
    content = Content(visible(text))
    return content.stylize(style) if style else content


def clip(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return ``text`` made visible on one line and at most ``cells`` wide.

    A cut text ends in ``ellipsis``. No more of a long text is looked at than could be shown,
    and a wide character is never halved.
    """
    if cells <= 0:
        return ""
    head = text[: cells * 2 + 2]
    shown = visible(head)
    if len(head) == len(text) and cell_len(shown) <= cells:
        return shown
    if cells <= len(ellipsis):
        return ellipsis[:cells]
    start = shown[: cells - len(ellipsis)]
    if start.isascii():
        # A cell each, as most of what is shown.
        return start.rstrip() + ellipsis
    return set_cell_size(shown, min(cells - len(ellipsis), cell_len(shown))).rstrip() + ellipsis


def clip_middle(text: str, cells: int) -> str:
    """Return ``text`` as :func:`clip` does, but cut in its middle: what tells ids apart is at
    their end."""
    shown = visible(text)
    if cell_len(shown) <= cells or cells < _BOTH_ENDS:
        return clip(text, cells)
    end = shown[::-1]
    kept = set_cell_size(end, min((cells - 1) * 2 // 3, cell_len(end)))[::-1].lstrip()
    return clip(text, cells - cell_len(kept)) + kept


def fit(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return ``text`` as :func:`clip` does, filled with spaces to exactly ``cells``."""
    shown = clip(text, cells, ellipsis)
    return shown + " " * (cells - cell_len(shown))


def wrap(text: str, cells: int, lines: int, ellipsis: str = "…") -> list[str]:
    """Return ``text`` made visible over at most so many lines of at most ``cells`` each.

    Breaks between words where it can; what does not fit on the last line is cut as by
    :func:`clip`.
    """
    rest = visible(text[: cells * lines * 2 + 2]).strip()
    wrapped: list[str] = []
    while cell_len(rest) > cells and len(wrapped) < lines - 1:
        head = set_cell_size(rest, cells).rstrip()
        broken = head.rfind(" ") + 1 if rest[len(head) : len(head) + 1] != " " else len(head)
        at = broken or max(len(head), 1)
        wrapped.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*wrapped, clip(rest, cells, ellipsis)]
