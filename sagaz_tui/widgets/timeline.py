"""The timeline: one row a checkpoint, numbered, the cursor's row lit and later ones dimmed."""

from __future__ import annotations

from dataclasses import dataclass

from textual.events import Click
from textual.message import Message

from sagaz_core.model import CheckpointSummary
from sagaz_tui.keys import bindings_for
from sagaz_tui.text import short_duration
from sagaz_tui.theme import glyph
from sagaz_tui.widgets.checkpoints import FAILURE_KINDS, token_of, words_of
from sagaz_tui.widgets.lines import Line, LinePane, Span, Token, spread

_ROOM_FOR_TIMES = 46


@dataclass(frozen=True, slots=True)
class TimelineState:
    """What the timeline shows. ``cursor`` and ``start`` are indexes into the checkpoints."""

    checkpoints: tuple[CheckpointSummary, ...] = ()
    cursor: int = 0
    start: int | None = None


class Timeline(LinePane):
    """The list of checkpoints."""

    BINDINGS = [*bindings_for("timeline")]  # noqa: RUF012 - Textual declares it so

    class Seek(Message):
        """Another row was asked for, by its index."""

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
        row = timeline_row(self._state, index, self.text_width)
        return row, index == self._state.cursor

    def set_state(self, state: TimelineState) -> None:
        """Show another state, redrawing the rows that differ."""
        before, self._state = self._state, state
        if before == state:
            return
        same_rows = before.checkpoints is state.checkpoints and before.start == state.start
        if before.checkpoints is not state.checkpoints:
            self.resized()
        if same_rows:
            low, high = sorted((before.cursor, state.cursor))
            self.refresh_lines(low, high - low + 1)
        else:
            self.refresh()
        if before.cursor != state.cursor or not before.checkpoints:
            self.keep_in_sight(state.cursor)

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
    """Return one row, ``width`` cells wide: number, glyph, words, replay start or lost ones."""
    checkpoint = state.checkpoints[index]
    later = index > state.cursor
    number = str(checkpoint.sequence).rjust(len(str(state.checkpoints[-1].sequence)))
    token = token_of(checkpoint.kind)
    failed = checkpoint.kind in FAILURE_KINDS or checkpoint.kind == "failed"
    mark = glyph("row") if index == state.cursor else " "
    right = _right_edge(state, index, width)
    left: Line = (
        Span(mark, "live"),
        Span(f"{number} ", "muted"),
        Span(glyph(checkpoint.kind), "future" if later and not failed else token),
        Span(f" {words_of(checkpoint)}", _words_token(checkpoint, later)),
    )
    return spread(left, right, width)


def _words_token(checkpoint: CheckpointSummary, later: bool) -> Token:
    if later:
        return "future"
    return "fail" if checkpoint.kind in FAILURE_KINDS else "text"


def _right_edge(state: TimelineState, index: int, width: int) -> Line:
    checkpoint = state.checkpoints[index]
    spans: list[Span] = []
    if checkpoint.gap:
        spans.append(Span(f"{glyph('gap')}{checkpoint.gap} ", "changed"))
    if width >= _ROOM_FOR_TIMES:
        since = checkpoint.created_at - state.checkpoints[0].created_at
        spans.append(Span(f"+{short_duration(since.total_seconds())} ", "future"))
    if index == state.start:
        spans.append(Span("R ", "live", bold=True))
    elif spans:
        spans.append(Span("  "))
    return tuple(spans)
