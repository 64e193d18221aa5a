"""The timeline: one row a checkpoint, numbered, the cursor's row lit and later ones dimmed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from textual.events import Click
from textual.message import Message

from sagaz_core.model import CheckpointSummary, Kind
from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.showing.text import short_duration
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.checkpoints import FAILURE_KINDS, sign_of, words_of
from sagaz_tui.widgets.lines import Line, LinePane, Span, Token, spread

_ROOM_FOR_TIMES = 46


@dataclass(frozen=True, slots=True)
class TimelineState:
    """What the timeline shows. ``cursor``, ``start`` and ``mark`` are places among the
    checkpoints, ``version`` is that of the checkpoints. ``ghost``: they were rehearsed."""

    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    cursor: int = 0
    start: int | None = None
    version: int = 0
    mark: int | None = None
    ghost: bool = False


class Timeline(LinePane):
    """The list of checkpoints."""

    BINDINGS = [*bindings_for("timeline")]  # noqa: RUF012 - Textual declares it so

    class Seek(Message):
        """Another row was asked for, by its index."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class RowsWanted(Message):
        """A row is in sight that is not in memory, by its index."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = TimelineState()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._state.checkpoints)

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a row and whether the cursor is on it."""
        if self._state.checkpoints.row(index) is None:
            self.post_message(self.RowsWanted(index))
        row = timeline_row(self._state, index, self.text_width)
        return row, index == self._state.cursor

    def set_state(self, state: TimelineState) -> None:
        """Show another state, redrawing the rows that differ."""
        before, self._state = self._state, state
        if before == state:
            return
        same_rows = before == replace(state, cursor=before.cursor)
        if self.virtual_size.height != self.count:
            self.resized()
        if same_rows:
            low, high = sorted((before.cursor, state.cursor))
            self.refresh_lines(low, high - low + 1)
        else:
            self.refresh()
        if before.cursor != state.cursor or before.checkpoints is not state.checkpoints:
            # By half of what is in sight: a held key then redraws two rows, seldom all.
            self.keep_in_sight(state.cursor, ahead=self.size.height // 2)

    def on_resize(self) -> None:
        """Keep the cursor in sight when there is less room."""
        self.keep_in_sight(self._state.cursor)

    def on_click(self, event: Click) -> None:
        """Go to the row under the pointer."""
        index = round(self.scroll_offset.y) + event.y
        if index < self.count:
            self.post_message(self.Seek(index))

    def action_move(self, rows: int) -> None:
        """Go so many rows down; up if negative."""
        if self.count:
            index = min(max(self._state.cursor + rows, 0), self.count - 1)
            self.post_message(self.Seek(index))


def timeline_row(state: TimelineState, index: int, width: int) -> Line:
    """Return one row, ``width`` cells wide: number, glyph, words, replay start or lost ones.

    Of a checkpoint whose row is not in memory yet there is number and glyph.
    """
    checkpoints = state.checkpoints
    checkpoint, kind = checkpoints.row(index), checkpoints.kind(index)
    later = index > state.cursor
    number = str(checkpoints.outline.number_at(index)).rjust(len(str(checkpoints.last_number)))
    sign, token = sign_of(kind, ghost=state.ghost)
    failed = kind in FAILURE_KINDS or kind == "failed"
    mark = glyph("row") if index == state.cursor else " "
    words = "" if checkpoint is None else words_of(checkpoint, checkpoints.compensations)
    left: Line = (
        Span(mark, "live"),
        Span(f"{number} ", "muted"),
        Span(glyph(sign), "future" if later and not failed else token),
        Span(f" {words}", _words_token(kind, later)),
    )
    return spread(left, _right_edge(state, checkpoint, index, width), width)


def _words_token(kind: Kind, later: bool) -> Token:
    if later:
        return "future"
    return "fail" if kind in FAILURE_KINDS else "text"


def _right_edge(
    state: TimelineState, checkpoint: CheckpointSummary | None, index: int, width: int
) -> Line:
    spans: list[Span] = []
    first = state.checkpoints.first
    if checkpoint is not None and checkpoint.gap:
        spans.append(Span(f"{glyph('gap')}{checkpoint.gap} ", "changed"))
    if checkpoint is not None and first is not None and width >= _ROOM_FOR_TIMES:
        since = checkpoint.created_at - first.created_at
        spans.append(Span(f"+{short_duration(since.total_seconds())} ", "future"))
    if index == state.mark:
        spans.append(Span(f"{glyph('mark')} ", "changed", bold=True))
    if index == state.start:
        spans.append(Span(f"{glyph('start')} ", "live", bold=True))
    elif spans and index != state.mark:
        spans.append(Span("  "))
    return tuple(spans)
