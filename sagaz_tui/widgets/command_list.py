"""The list of the palette: what enter would do first, and then what else fits what was typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Click
from textual.message import Message

from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.lines import Line, LinePane, Span, Token, spread
from sagaz_tui.widgets.safe_text import wrap

Entry = tuple[str, str]
"""What is done, and by which keys."""


class CommandList(LinePane, can_focus=False):
    """Entries, one of them lit; or a sentence in their place."""

    class Clicked(Message):
        """An entry was clicked; it is lit."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: Sequence[Entry] = ()
        self._note: list[Line] = []
        self.lit = 0

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._note) or len(self._entries)

    def line(self, index: int) -> tuple[Line, bool]:
        """Return an entry's line and whether it is lit."""
        if self._note:
            return self._note[index], False
        text, keys = self._entries[index]
        lit = index == self.lit
        left = (Span(glyph("row") if lit else " ", "live"), Span(f" {text}"))
        return spread(left, (Span(f" {keys} ", "muted"),), self.text_width), lit

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """Show these entries, the first one lit."""
        self._entries, self._note, self.lit = entries, [], 0
        self._show()

    def set_note(self, text: str, token: Token = "changed") -> None:
        """Show a sentence in place of entries."""
        self._note = [(Span(f" {part}", token),) for part in wrap(text, self.text_width - 2, 6)]
        self._show()

    def _show(self) -> None:
        self.resized()
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh()

    def move(self, by: int) -> None:
        """Light another entry."""
        if not self._note and self._entries:
            self.lit = min(max(self.lit + by, 0), len(self._entries) - 1)
            self.refresh()
            self.keep_in_sight(self.lit)

    def on_click(self, event: Click) -> None:
        """Choose the entry under the pointer."""
        index = round(self.scroll_offset.y) + event.y
        if not self._note and index < len(self._entries):
            self.lit = index
            self.post_message(self.Clicked())
