"""The sagas of a batch that need a look, with a cursor."""

from __future__ import annotations

from collections.abc import Sequence

from sagaz_tui.batch.progress import EndedItem
from sagaz_tui.widgets.batch_lines import ended_line
from sagaz_tui.widgets.lines import Line, LinePane


class BatchPane(LinePane, can_focus=False):
    """Rows that are only ever added to; the first is selected until another is."""

    def __init__(self) -> None:
        super().__init__()
        self._items: Sequence[EndedItem] = ()
        self._shown = 0
        self._at = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._shown

    @property
    def selected(self) -> EndedItem | None:
        """The selected row."""
        return self._items[self._at] if self._at < self._shown else None

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a row and whether it is selected."""
        chosen = index == self._at
        return ended_line(self._items[index], self.text_width, selected=chosen), chosen

    def set_items(self, items: Sequence[EndedItem]) -> None:
        """Show these; those that were there are still the first."""
        before, self._items, self._shown = self._shown, items, len(items)
        if self._shown > before:
            self.resized()
            self.refresh_lines(before, self._shown - before)

    def move(self, by: int) -> None:
        """Select the row so many further down; up if negative."""
        if self._shown:
            before, self._at = self._at, min(max(self._at + by, 0), self._shown - 1)
            self.refresh_line(before)
            self.refresh_line(self._at)
            self.keep_in_sight(self._at)
