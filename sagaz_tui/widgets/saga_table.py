"""The rows of the saga list: only those in sight are drawn, and the selection is a saga's id."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime

from textual.events import Click
from textual.message import Message

from sagaz_core.model import SagaSummary
from sagaz_tui.widgets.lines import Line, LinePane, Span
from sagaz_tui.widgets.safe_text import wrap
from sagaz_tui.widgets.saga_rows import Layout, age_text, lay_out, saga_line

_SAMPLE = 200
_INDENT = "   "
_SENTENCE_LINES = 6
_AHEAD = 40


class SagaTable(LinePane, can_focus=False):
    """Sagas, one a line.

    Rows that are there never move: what comes later is appended, or put in as a whole by
    :meth:`show` when the person asks for it.

    Args:
        clock: tells the time that ages are counted from.
        marked: the ids of marked sagas; the table is refreshed when they change.
    """

    DEFAULT_CSS = "SagaTable { scrollbar-gutter: stable; }"

    class WantsMore(Message):
        """The last rows are near; there may be more in the store."""

    class Opened(Message):
        """A row was double-clicked."""

        def __init__(self, saga_id: str) -> None:
            super().__init__()
            self.saga_id = saga_id

    class Chosen(Message):
        """Another row is selected, or the selected one has changed; None: there is none."""

        def __init__(self, row: SagaSummary | None) -> None:
            super().__init__()
            self.row = row

        def can_replace(self, message: Message) -> bool:
            """Only the last choice counts."""
            return isinstance(message, SagaTable.Chosen)

    class LaidOut(Message):
        """The columns have changed."""

        def __init__(self, layout: Layout) -> None:
            super().__init__()
            self.layout = layout

    def __init__(
        self,
        clock: Callable[[], datetime],
        marked: Container[str] = (),
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._marked = marked
        self._rows: list[SagaSummary] = []
        self._places: dict[str, int] = {}
        self._selected: str | None = None
        self._painted: str | None = None
        self._told: SagaSummary | None = None
        self._ages: dict[int, str] = {}
        self._sentences: tuple[str, ...] = ()
        self._notice: tuple[Line, ...] = ()
        """The sentences as lines of this width."""
        self._step_head = "STEP"
        self._layout = Layout(())

    # ------------------------------------------------------------------ state down

    @property
    def rows(self) -> Sequence[SagaSummary]:
        """The rows, in the order in which they stand."""
        return self._rows

    def __contains__(self, saga_id: object) -> bool:
        return saga_id in self._places

    @property
    def selected(self) -> SagaSummary | None:
        """The selected row."""
        return None if self._selected is None else self._rows[self._places[self._selected]]

    @property
    def answered(self) -> str | None:
        """The id that a key means: selected by hand, or seen to be selected on the screen."""
        return self._painted

    def show(self, rows: Iterable[SagaSummary], *, step_head: str, from_top: bool) -> None:
        """Show other rows; the selection stays with its saga if that is among them.

        Args:
            rows: the rows, in order.
            step_head: what the step's column is called.
            from_top: select the first row instead, and scroll there.
        """
        self._rows = list(rows)
        self._places = {row.saga_id: place for place, row in enumerate(self._rows)}
        self._step_head = step_head
        if from_top or self._selected not in self._places:
            self._selected = self._rows[0].saga_id if self._rows else None
            self.scroll_to(y=0, animate=False, force=True)
        if self._selected is None:
            self._painted = None
        self._ages.clear()
        self.resized()
        self._lay_out()
        self.refresh()
        self._tell_choice()

    def extend(self, rows: Iterable[SagaSummary]) -> None:
        """Append rows that are not here yet."""
        if not self._rows:
            self.show(rows, step_head=self._step_head, from_top=True)
            return
        before = len(self._rows)
        for row in rows:
            if row.saga_id not in self._places:
                self._places[row.saga_id] = len(self._rows)
                self._rows.append(row)
        if len(self._rows) > before:
            self.resized()
            self.refresh_lines(before, len(self._rows) - before)

    def update(self, rows: Iterable[SagaSummary]) -> None:
        """Take in what rows that are here have become; each stays where it is."""
        for row in rows:
            place = self._places.get(row.saga_id)
            if place is not None and self._rows[place] != row:
                self._rows[place] = row
                self.refresh_line(place)
        self._tell_choice()

    def set_notice(self, sentences: Sequence[str]) -> None:
        """Say this where there are no rows."""
        if tuple(sentences) != self._sentences:
            self._sentences = tuple(sentences)
            self._write_notice()
            if not self._rows:
                self.refresh()

    def tick(self) -> None:
        """Redraw the rows in sight whose age reads otherwise by now."""
        now = self._clock()
        for place, shown in list(self._ages.items()):
            if place >= len(self._rows) or not self._in_sight(place):
                del self._ages[place]
            elif age_text(self._rows[place], now) != shown:
                self.refresh_line(place)

    @property
    def in_sight(self) -> Sequence[SagaSummary]:
        """The rows that are on the screen."""
        top = round(self.scroll_offset.y)
        return self._rows[top : top + self.size.height]

    @property
    def near_end(self) -> bool:
        """Whether the last rows that are here are in sight, or will soon be."""
        return round(self.scroll_offset.y) + self.size.height + _AHEAD >= len(self._rows)

    @property
    def moving(self) -> bool:
        """Whether a saga in sight may change without anything being written: one that runs."""
        return any(row.status in ("executing", "compensating") for row in self.in_sight)

    # ------------------------------------------------------------------ the selection

    def move(self, by: int) -> None:
        """Select the row so many further down; up if negative."""
        if self._selected is not None:
            self._select(self._places[self._selected] + by)

    def move_half(self, direction: int) -> None:
        """Select the row half a screen further, scrolling as far."""
        half = max(self.size.height // 2, 1) * direction
        self.scroll_to(y=self.scroll_offset.y + half, animate=False, force=True)
        self.move(half)

    def select_first(self) -> None:
        """Select the first row."""
        self._select(0)

    def select_last(self) -> None:
        """Select the last row that is here."""
        self._select(len(self._rows) - 1)

    def _select(self, place: int) -> None:
        if not self._rows:
            return
        place = min(max(place, 0), len(self._rows) - 1)
        before = self._places[self._selected] if self._selected is not None else place
        self._selected = self._painted = self._rows[place].saga_id
        if before != place:
            self.refresh_line(before)
            self.refresh_line(place)
        self.keep_in_sight(place)
        self._ask_for_more()
        self._tell_choice()

    def _tell_choice(self) -> None:
        if self.selected != self._told:
            self._told = self.selected
            self.post_message(self.Chosen(self._told))

    # ------------------------------------------------------------------ drawing

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._rows) or len(self._notice)

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a row's line, and whether it is the selected one."""
        if not self._rows:
            return self._notice[index], False
        row, now = self._rows[index], self._clock()
        chosen = row.saga_id == self._selected
        if chosen:
            self._painted = row.saga_id
        self._ages[index] = age_text(row, now)
        marked = row.saga_id in self._marked
        return saga_line(row, self._layout, now, selected=chosen, marked=marked), chosen

    def on_resize(self) -> None:
        """Give the columns what room there is now."""
        self._lay_out()
        self._write_notice()
        if self._selected is not None:
            self.keep_in_sight(self._places[self._selected])
        self._ask_for_more()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for more rows in time."""
        super().watch_scroll_y(old_value, new_value)
        self._ask_for_more()

    def on_click(self, event: Click) -> None:
        """Select the row under the pointer; twice opens it."""
        self.screen.set_focus(None)
        place = round(self.scroll_offset.y) + event.y
        if place < len(self._rows):
            self._select(place)
            if event.chain == 2:
                self.post_message(self.Opened(self._rows[place].saga_id))

    def _lay_out(self) -> None:
        layout = lay_out(self._rows[:_SAMPLE], self.text_width, step_head=self._step_head)
        if layout != self._layout:
            self._layout = layout
            self.post_message(self.LaidOut(layout))

    def _write_notice(self) -> None:
        width = max(self.text_width - len(_INDENT) - 1, 1)
        parts = (part for text in self._sentences for part in wrap(text, width, _SENTENCE_LINES))
        self._notice = ((), *((Span(_INDENT + part, "muted"),) for part in parts))

    def _ask_for_more(self) -> None:
        if self.near_end:
            self.post_message(self.WantsMore())

    def _in_sight(self, place: int) -> bool:
        top = round(self.scroll_offset.y)
        return top <= place < top + self.size.height
