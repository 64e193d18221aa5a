"""One line with something at its left and something at its right; pieces of it can be clicked."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from textual.events import Click
from textual.strip import Strip

from sagaz_tui.widgets.lines import Line, paint_for, spread
from sagaz_tui.widgets.painted import Painted


class Bar(Painted):
    """One line of given spans."""

    DEFAULT_CSS = "Bar { height: 1; background: $s-bg; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: Line = ()
        self._right: Line = ()
        self._calls: Mapping[int, str] = {}

    def show(self, left: Line, right: Line = (), calls: Mapping[int, str] | None = None) -> None:
        """Show these spans; ``calls`` gives the action of a click on a span of the left."""
        self._calls = calls or {}
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def text(self) -> str:
        """What it says, without its colours."""
        return " ".join("".join(span.text for span in side) for side in (self._left, self._right))

    def render_line(self, y: int) -> Strip:
        """Draw the line."""
        width = self.outer_size.width
        return paint_for(self, spread(self._left, self._right, width), width)

    async def on_click(self, event: Click) -> None:
        """Do what the span under the pointer stands for."""
        column = 0
        for number, span in enumerate(self._left):
            column += cell_len(span.text)
            if event.x < column:
                if call := self._calls.get(number):
                    await self.screen.run_action(call)
                return
