"""The context pane: every key of the checkpoint under the cursor, as a tree that unfolds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from functools import partial
from typing import Any, Final
from uuid import UUID

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message
from textual.timer import Timer

from sagaz_core.model import MISSING, Masked
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.showing.theme import glyph, word
from sagaz_tui.showing.values import is_plain, type_word
from sagaz_tui.widgets.context_rows import (
    ContextState,
    Folding,
    Path,
    Row,
    find_paths,
    rows_of,
)
from sagaz_tui.widgets.lines import Line, LinePane, Span, Token, line_width, spread
from sagaz_tui.widgets.safe_text import clip, fit
from sagaz_tui.widgets.shown_value import shown_value
from sagaz_tui.widgets.value_token import value_token

_ROOM_FOR_ORIGINS: Final = 50
_MEASURED: Final = 500
_LINES_KEPT: Final = 300


class ContextTree(LinePane):
    """The tree of keys. It has a cursor of its own, on a key, which scrubbing never moves."""

    BINDINGS = [*bindings_for("context")]  # noqa: RUF012 - Textual declares it so

    class KeyChosen(Message):
        """The cursor is on another key."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    class Searched(Message):
        """A search has ended; ``found`` places match."""

        def __init__(self, needle: str, found: int) -> None:
            super().__init__()
            self.needle = needle
            self.found = found

    class RevealAsked(Message):
        """Somebody asks to see the secret at a place."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = ContextState()
        self._folding = Folding()
        self._rows: list[Row] = []
        self._row = 0
        self._path: Path = ()
        self._value_column = 0
        self._found: list[Path] = []
        self._needle = ""
        self._pins: tuple[str, ...] = ()
        self._revealed: tuple[Path, Any] | None = None
        """The one secret that is shown as it is, for a while."""
        self._hiding: Timer | None = None
        self._written: dict[Path, _Written] = {}
        """Lines as they were written last: most keys are the same at the next checkpoint."""

    # -- what is shown

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def path(self) -> Path:
        """Where the cursor is; empty if there is nothing."""
        return self._rows[self._row].path if self._rows else ()

    @property
    def key(self) -> str | None:
        """The top-level key that the cursor is on or in."""
        return str(self.path[0]) if self.path else None

    @property
    def value(self) -> Any:
        """The value under the cursor; MISSING if there is none."""
        return self._state.value_at(self.path)

    @property
    def shown(self) -> Any:
        """The value under the cursor as it is shown: also a secret, while it is revealed."""
        if self._revealed is not None and self._revealed[0] == self.path:
            return self._revealed[1]
        return self.value

    def set_state(self, state: ContextState) -> None:
        """Show another checkpoint's state; cursor, scroll and folds stay where they are."""
        if state is self._state:
            return
        self.conceal()
        self._state = state
        self._found = []
        self._rebuild()

    def go_to(self, path: Path) -> None:
        """Put the cursor on a place, unfolding what is above it."""
        self._folding = self._folding.revealing(path)
        self._path = path
        self._rebuild()
        self.keep_in_sight(self._row)

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a row and whether the cursor is on it."""
        row, width = self._rows[index], self.text_width
        if self._revealed is not None and row.path == self._revealed[0]:
            line = _written_line(
                row._replace(value=self._revealed[1]), (), self._value_column, width, True
            )
            return line, self.has_focus
        selected = index == self._row
        right = _right_word(row, self._state, width)
        shape = (self._value_column, width, selected, right)
        written = self._written.get(row.path)
        if written is None or not written.holds(row, shape):
            if len(self._written) >= _LINES_KEPT:
                self._written.clear()
            line = _written_line(row, right, self._value_column, width, selected)
            written = self._written[row.path] = _Written(row, shape, line)
        return written.line, selected and self.has_focus

    def _rebuild(self) -> None:
        self._rows = rows_of(self._state, self._folding, self._pins)
        self._row = self._nearest_row()
        self._value_column = value_column(self._rows)
        self.resized()
        self.refresh_changed()

    def _nearest_row(self) -> int:
        """The row of the wanted place, else of what is above it, else the same row as before."""
        places = {row.path: index for index, row in enumerate(self._rows)}
        for depth in range(len(self._path), 0, -1):
            if self._path[:depth] in places:
                return places[self._path[:depth]]
        return max(min(self._row, len(self._rows) - 1), 0)

    # -- moving

    def on_focus(self) -> None:
        """Light the cursor's row."""
        self.refresh_line(self._row)

    def on_blur(self) -> None:
        """Leave only the cursor's mark."""
        self.refresh_line(self._row)

    def on_click(self, event: Click) -> None:
        """Go to the row under the pointer; once there, fold or unfold it."""
        index = round(self.scroll_offset.y) + event.y
        if index >= self.count:
            return
        row = self._rows[index]
        if index == self._row and (row.more or row.open is not None):
            self.action_fold()
        self._move_to(index)

    def action_move(self, rows: int) -> None:
        """Go so many rows down; up if negative."""
        self._move_to(self._row + rows)

    def _move_to(self, index: int) -> None:
        index = min(max(index, 0), self.count - 1)
        if index < 0 or index == self._row:
            return
        self.conceal()
        self.refresh_line(self._row)
        self._row, self._path = index, self._rows[index].path
        self.refresh_line(index)
        self.keep_in_sight(index)
        self.post_message(self.KeyChosen(self._path))

    # -- folding

    def action_fold(self) -> None:
        """Unfold or fold the row, or show more of a long container."""
        if not self._rows:
            return
        row = self._rows[self._row]
        if row.more:
            self._folding = self._folding.with_more(row.path[:-1])
        elif row.open is not None:
            self._folding = self._folding.turned(row.path, open=not row.open)
        else:
            self._say(f"{row.label} has nothing to unfold")
            return
        self._path = row.path
        self._rebuild()

    def action_fold_all(self) -> None:
        """Show the top level only."""
        self._folding = Folding("closed")
        self._rebuild()
        self.keep_in_sight(self._row)

    def action_unfold_all(self) -> None:
        """Show everything, long containers by their first page."""
        self._folding = Folding("open")
        self._rebuild()
        self.keep_in_sight(self._row)

    # -- secrets

    def action_reveal(self) -> None:
        """Ask for the secret under the cursor."""
        if isinstance(self.value, Masked):
            self.post_message(self.RevealAsked(self.path))
        else:
            self._say("this is no secret: it is shown as it is")

    def reveal(self, path: Path, value: Any, seconds: float) -> None:
        """Show a secret as it is for a while, if the cursor is still on it."""
        if path != self.path:
            return
        self.conceal()
        self._revealed = path, value
        self._hiding = self.set_timer(seconds, self.conceal)
        self.refresh_line(self._row)

    def conceal(self) -> None:
        """Show the mask again."""
        if self._hiding is not None:
            self._hiding.stop()
            self._hiding = None
        if self._revealed is not None:
            self._revealed = None
            self.refresh_line(self._row)

    # -- pinning

    def action_pin(self) -> None:
        """Keep the cursor's key on top whatever the checkpoint, or no longer."""
        key = self.key
        if key is None:
            return
        if key in self._pins:
            self._pins = tuple(pin for pin in self._pins if pin != key)
        else:
            self._pins = (*self._pins, key)
        self._path = self.path
        self._rebuild()
        self.keep_in_sight(self._row)

    # -- searching

    def search(self, needle: str) -> None:
        """Find text in keys and values, folded away or not, and go to the first place."""
        self._needle = needle
        # Not the coroutine itself: one cancelled before it starts would never be awaited.
        job: Callable[[], Any] = partial(self._search, needle)
        self.run_worker(job, exclusive=True, group="search")

    async def _search(self, needle: str) -> None:
        self._found = await asyncio.to_thread(find_paths, self._state, needle)
        self.post_message(self.Searched(self._needle, len(self._found)))
        self._go_to_found(0)

    def action_found(self, step: int) -> None:
        """Go to the next place found, or the one before."""
        if not self._found and self._needle:
            self.search(self._needle)
        elif not self._found:
            self._say("nothing has been searched for yet")
        else:
            here = self._found.index(self.path) if self.path in self._found else -min(step, 0)
            self._go_to_found((here + step) % len(self._found))

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=3)

    def _go_to_found(self, index: int) -> None:
        if self._found:
            self.go_to(self._found[index])
            self.post_message(self.KeyChosen(self.path))


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """A line, and what it was written from."""

    row: Row
    shape: tuple[object, ...]
    line: Line

    def holds(self, row: Row, shape: tuple[object, ...]) -> bool:
        """Whether a row would be written the same; values are compared by identity."""
        mine = self.row
        return (
            mine.value is row.value
            and (mine.label, mine.open, mine.change) == (row.label, row.open, row.change)
            and (mine.more, mine.pinned) == (row.more, row.pinned)
            and self.shape == shape
        )


def value_column(rows: list[Row]) -> int:
    """Return the column in which the values of these rows begin."""
    return max((2 * row.depth + cell_len(row.label) for row in rows[:_MEASURED]), default=0)


def context_line(row: Row, state: ContextState, column: int, width: int, selected: bool) -> Line:
    """Return one row, ``width`` cells wide: mark, fold, key, value, and a word at the right."""
    return _written_line(row, _right_word(row, state, width), column, width, selected)


def _written_line(row: Row, right: Line, column: int, width: int, selected: bool) -> Line:
    mark: Span = Span(" ")
    if row.change:
        sign, token = ("+", "added") if row.change == "added" else ("~", "changed")
        mark = Span(sign, token, bold=True)  # type: ignore[arg-type]
    pinned = glyph("pinned") if row.pinned else " "
    pointer = Span(glyph("row") if selected else pinned, "live")
    indent = _indent(row.depth, width)
    if row.more:
        return spread(
            (pointer, mark, Span(f"  {indent}{row.more:,} more (enter)", "muted")), (), width
        )
    fold = {None: "  ", True: "▾ ", False: "▸ "}[row.open]
    column = min(column, max(width * 2 // 5, 8))
    if row.open:
        label = clip(row.label, max(width - 5 - cell_len(indent) - line_width(right), 3))
    else:
        label = fit(row.label, max(column - cell_len(indent), 3))
    room = width - 6 - cell_len(indent + label)
    beside = room - sum(cell_len(span.text) + 1 for span in right)
    if right == _type_beside(row) and isinstance(row.value, (date, time, UUID)):
        # Such a value alone says what it is: more of it is worth more than the word.
        if_alone = cell_len(_value(row, room))
        right, room = ((), room) if if_alone > beside else (right, beside)
    else:
        room = beside
    left: Line = (
        pointer,
        mark,
        Span(indent + fold, "muted"),
        Span(label if row.open else f"{label}  ", "text", bold=row.depth == 0),
        Span(_value(row, max(room, 3)), _value_token(row)),
    )
    return spread(left, right, width)


def _indent(depth: int, width: int) -> str:
    """How far in a row stands; below half the width it goes no further, and says how deep it is."""
    most = max(width // 2, 8) // 2 * 2
    return "  " * depth if 2 * depth <= most else f"level {depth + 1} ".rjust(most)[-most:]


def _value(row: Row, room: int) -> str:
    if row.open:
        return ""
    return shown_value(row.value, room)


def _value_token(row: Row) -> Token:
    quiet = row.open is False or row.value is MISSING
    return value_token(row.value, "muted" if quiet else "text")


def _right_word(row: Row, state: ContextState, width: int) -> Line:
    key = row.path[0] if row.depth == 0 else None
    if key in state.undone:
        undone = state.undone[str(key)]
        if undone.failed:
            return (Span(f"undo FAILED at #{undone.sequence} ", "fail"),)
        return (Span(f"{glyph('kept')} undone at #{undone.sequence} ", "undo"),)
    if key in state.kept:
        return (Span(f"{glyph('kept')} {word('kept')} ", "undo"),)
    if key in state.origins:
        return (Span(f"ran in {clip(state.origins[str(key)], width // 3)} ", "future"),)
    if key in state.conflicts:
        return (Span("set by two branches ", "changed"),)
    if key in state.set_at and (key in state.results or width >= _ROOM_FOR_ORIGINS):
        kind = f"{type_word(row.value)}  " if _says_more(row) else ""
        return (Span(kind, "future"), Span(f"set by #{state.set_at[str(key)]} ", "future"))
    return _type_beside(row) if _says_more(row) else ()


def _says_more(row: Row) -> bool:
    """Whether the name of a value's type says more than its text does."""
    return not (row.open or row.value is MISSING or is_plain(row.value))


def _type_beside(row: Row) -> Line:
    return (Span(f"{type_word(row.value)} ", "future"),)
