"""The line above a pane: its name, and a few words or tabs at the right."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message
from textual.strip import Strip

from sagaz_tui.widgets.lines import Line, Span, crop, line_width, paint_for
from sagaz_tui.widgets.painted import Painted


class PaneHead(Painted):
    """A rule with a title; of several tabs, the open one stands out and a click opens another."""

    DEFAULT_CSS = "PaneHead { height: 1; background: $s-bg; }"

    class TabClicked(Message):
        """A tab was clicked."""

        def __init__(self, head: PaneHead, index: int) -> None:
            super().__init__()
            self.head = head
            self.index = index

        @property
        def control(self) -> PaneHead:
            """The head it was clicked on."""
            return self.head

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._tabs: tuple[str, ...] = ()
        self._open = 0
        self._active = False

    def set_title(self, title: str, tabs: Sequence[str] = (), open: int = -1) -> None:
        """Show this title, and at the right these words, of which ``open`` stands out."""
        wanted = (title, tuple(tabs), open)
        if wanted != (self._title, self._tabs, self._open):
            self._title, self._tabs, self._open = wanted
            self.refresh()

    def set_active(self, active: bool) -> None:
        """Say whether the pane below has the keys."""
        if active != self._active:
            self._active = active
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the rule."""
        width = self.outer_size.width
        line = head_line(self._title, self._tabs, self._open, self._active, width)
        return paint_for(self, line, width)

    def on_click(self, event: Click) -> None:
        """Open the tab under the pointer."""
        column = self.outer_size.width - 2
        for index in reversed(range(len(self._tabs))):
            start = column - cell_len(self._tabs[index])
            if start <= event.x < column:
                self.post_message(self.TabClicked(self, index))
                return
            column = start - 3


def head_line(title: str, tabs: Sequence[str], open: int, active: bool, width: int) -> Line:
    """Return a pane's rule, ``width`` cells wide."""
    left: Line = (
        Span("─ ", "future"),
        Span(title, "live" if active else "muted", bold=active),
        Span(" ", "future"),
    )
    right: list[Span] = []
    for index, tab in enumerate(tabs):
        right.append(Span(" │ " if right else " ", "future"))
        right.append(Span(tab, "text" if index == open else "muted", bold=index == open))
    if right:
        right.append(Span(" ─", "future"))
    room = width - line_width(tuple(right))
    left = crop(left, max(room, 0))
    rule = Span("─" * max(room - line_width(left), 0), "future")
    return crop((*left, rule, *right), width)
