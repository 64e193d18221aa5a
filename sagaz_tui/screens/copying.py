"""A text that the terminal cannot be asked to copy, shown so that it can be selected."""

from __future__ import annotations

from rich.cells import chop_cells
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize

from sagaz_tui.keys.table import sheet_bindings
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.showing.text import visible, visible_lines
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Span, TextPane


class CopyScreen(Sheet[None]):
    """Nothing stands beside the text, so that whole lines can be selected.

    Args:
        text: what is to be copied.
        what: what that is, in a word or two.
        reason: why the terminal cannot be asked to, as a clause.
    """

    CSS_PATH = "copying.tcss"
    PLACE = "copy"
    BINDINGS = [*sheet_bindings("copy")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, text: str, what: str, reason: str) -> None:
        super().__init__()
        self._text = text
        self._what = what
        self._reason = reason

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield Bar(id="copy-reason")
            yield Bar(id="copy-hint")
            yield TextPane(id="copy-text")
            yield KeyFooter("copy", self.sagaz.settings.keys, leave_out=("help", "quit"))

    def on_mount(self) -> None:
        """Say what this is."""
        words = f" {visible(self._what)} · not copied: {self._reason}"
        self.query_one("#copy-reason", Bar).show((Span(words, "changed"),))
        hint = " hold shift (option on a Mac) and select it with the mouse"
        self.query_one("#copy-hint", Bar).show((Span(hint, "muted"),))

    def on_resize(self, event: Resize) -> None:
        """Break the text for another width."""
        pane = self.query_one(TextPane)
        width = max(event.size.width - 1, 1)
        lines = [
            (Span(part),)
            for line in visible_lines(self._text)
            for part in chop_cells(line, width) or [""]
        ]
        pane.set_lines(lines, from_top=False)

    def action_scroll_text(self, lines: int) -> None:
        """Scroll."""
        self.query_one(TextPane).action_move(lines)
