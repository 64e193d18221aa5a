"""The rows of two compared runs, with one cursor over both."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Click
from textual.message import Message

from sagaz_tui.widgets.comparison_rows import Columns, ComparedRow, columns_for, row_line
from sagaz_tui.widgets.lines import Line, LinePane, Span


class ComparisonList(LinePane):
    """Rows that both runs share. The cursor is on a row by its name: it outlives new rows."""

    class Moved(Message):
        """The cursor is on another row, or the rows are new."""

    class Opened(Message):
        """The lit row was clicked."""

    class LaidOut(Message):
        """The columns are others."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[ComparedRow] = ()
        self._row = 0
        self._note = ""
        self._columns = Columns(0, 0, 0)

    @property
    def count(self) -> int:
        """How many rows there are, or the one line that says why there are none."""
        return len(self._rows) or 1

    @property
    def columns(self) -> Columns:
        """The columns as they are laid out."""
        return self._columns

    @property
    def row(self) -> ComparedRow | None:
        """The row under the cursor."""
        return self._rows[self._row] if self._rows else None

    @property
    def differences(self) -> int:
        """How many rows differ."""
        return sum(bool(row.differs) for row in self._rows)

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a row and whether it is lit."""
        if not self._rows:
            return (Span(f" {self._note}", "muted"),), False
        lit = index == self._row
        return row_line(self._rows[index], self._columns, lit=lit), lit

    def set_rows(self, rows: Sequence[ComparedRow]) -> None:
        """Show these rows; the cursor stays where it is, at first where the runs part."""
        here = self.row
        if here is None:
            self._row = _where_they_part(rows)
        else:
            names = (n for n, row in enumerate(rows) if row.name == here.name)
            self._row = next(names, min(self._row, len(rows) - 1))
        self._rows = rows
        self.resized()
        self._lay_out()
        self.keep_in_sight(self._row)
        self.post_message(self.Moved())

    def set_note(self, note: str) -> None:
        """Show a sentence in place of rows, if there are none yet."""
        self._note = note
        self.resized()
        self.refresh()

    def on_resize(self) -> None:
        """Lay the columns out anew."""
        self._lay_out()
        self.keep_in_sight(self._row)

    def _lay_out(self) -> None:
        self._columns = columns_for(self._rows, self.text_width)
        self.refresh()
        self.post_message(self.LaidOut())

    def on_click(self, event: Click) -> None:
        """Light the row under the pointer; once lit, open it."""
        index = round(self.scroll_offset.y) + event.y
        if index == self._row:
            self.post_message(self.Opened())
        elif index < len(self._rows):
            self.go_to(index)

    def move(self, rows: int) -> None:
        """Go so many rows down; up if negative."""
        self.go_to(self._row + rows)

    def go_to(self, index: int) -> None:
        """Light a row, the nearest one if there are not so many."""
        index = min(max(index, 0), len(self._rows) - 1)
        if index < 0 or index == self._row:
            return
        self.refresh_line(self._row)
        self._row = index
        self.refresh_line(index)
        self.keep_in_sight(index)
        self.post_message(self.Moved())

    def go_to_difference(self, direction: int) -> bool:
        """Light the nearest row in a direction that differs; False: there is none."""
        rows = range(self._row + direction, len(self._rows) if direction > 0 else -1, direction)
        found = next((n for n in rows if self._rows[n].differs), None)
        if found is not None:
            self.go_to(found)
        return found is not None


def _where_they_part(rows: Sequence[ComparedRow]) -> int:
    """The first step that came out otherwise, else the first one that differs, else the top."""
    steps = [(n, row.step.differs) for n, row in enumerate(rows) if row.step is not None]
    parted = (n for n, differs in steps if "outcome" in differs)
    return next(parted, next((n for n, differs in steps if differs), 0))
