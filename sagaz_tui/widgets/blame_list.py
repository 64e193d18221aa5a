"""Who set a key, and every value it ever had, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from textual.events import Click
from textual.message import Message

from sagaz_core.model import MISSING
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.showing.clipboard import copied_words
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.showing.values import is_plain, type_word, value_text
from sagaz_tui.showing.zone import in_zone
from sagaz_tui.widgets.lines import Line, LinePane, Span, line_width, spread
from sagaz_tui.widgets.safe_text import clip, fit
from sagaz_tui.widgets.shown_value import shown_value
from sagaz_tui.widgets.value_token import value_token

if TYPE_CHECKING:
    from sagaz_core.history.blame import BlameEntry
    from sagaz_tui.screens.base import SagazScreen

_STEP_WIDTH: Final = 26
_ROOM_FOR_TYPES: Final = 70


class BlameList(LinePane):
    """The values of one key. ``enter`` asks to go to the checkpoint that set the one lit."""

    BINDINGS = [*bindings_for("blame")]  # noqa: RUF012 - Textual declares it so

    class Chosen(Message):
        """A value's checkpoint was asked for."""

        def __init__(self, sequence: int) -> None:
            super().__init__()
            self.sequence = sequence

    class WantsMore(Message):
        """The row that is lit is near an end of what is here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: Sequence[BlameEntry] = ()
        self._note = "reading…"
        self._row = 0
        self._now: int | None = None

    @property
    def count(self) -> int:
        """How many values there are, or the one line that says there are none."""
        return len(self._entries) or 1

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a value's row and whether it is lit."""
        if not self._entries:
            return (Span(f" {self._note}", "muted"),), False
        entry = self._entries[index]
        lit = index == self._row and self.has_focus
        line = blame_line(entry, self.text_width, now=index == self._now, lit=lit)
        return line, lit

    def set_entries(self, entries: Sequence[BlameEntry], sequence: int) -> None:
        """Show these values, newest first, lighting the one in force at a checkpoint."""
        self._entries = entries
        self._note = "never set"
        in_force = (n for n, entry in enumerate(entries) if entry.sequence <= sequence)
        self._now = next(in_force, None)
        self._row = self._now or 0
        self.resized()
        self.refresh()
        self.keep_in_sight(self._row)

    def extend(self, entries: Sequence[BlameEntry]) -> None:
        """Show these values, those of before among them; what is in sight stays where it is."""
        newer = next(
            (n for n, entry in enumerate(entries) if entry.sequence == self._first_sequence), 0
        )
        self._entries = entries
        self._row += newer
        self._now = None if self._now is None else self._now + newer
        self.resized()
        self.refresh()
        if newer:
            self.scroll_to(y=self.scroll_offset.y + newer, animate=False, force=True)

    @property
    def _first_sequence(self) -> int | None:
        return self._entries[0].sequence if self._entries else None

    @property
    def near_newest(self) -> bool:
        """Whether newer values than those here are about to be in sight."""
        return self._row < self.size.height

    @property
    def near_oldest(self) -> bool:
        """Whether older values than those here are about to be in sight."""
        return self._row + self.size.height >= len(self._entries)

    def set_note(self, note: str) -> None:
        """Show a sentence in place of values."""
        self._entries, self._note = (), note
        self.resized()
        self.refresh()

    def on_focus(self) -> None:
        """Light the row."""
        self.refresh_line(self._row)

    def on_blur(self) -> None:
        """Put the light out."""
        self.refresh_line(self._row)

    def on_click(self, event: Click) -> None:
        """Light the row under the pointer; once lit, go there."""
        index = round(self.scroll_offset.y) + event.y
        if index == self._row:
            self.action_jump()
        elif index < len(self._entries):
            self.action_move(index - self._row)

    def action_move(self, rows: int) -> None:
        """Light another row."""
        before = self._row
        self._row = min(max(before + rows, 0), self.count - 1)
        self.refresh_line(before)
        self.refresh_line(self._row)
        self.keep_in_sight(self._row)
        if self.near_newest or self.near_oldest:
            self.post_message(self.WantsMore())

    def action_jump(self) -> None:
        """Ask to go to the checkpoint of the row that is lit."""
        if self._entries:
            self.post_message(self.Chosen(self._entries[self._row].sequence))

    def action_copy(self) -> None:
        """Copy the value that is lit."""
        if self._entries:
            entry = self._entries[self._row]
            screen = cast("SagazScreen[object]", self.screen)
            screen.copy(value_text(entry.value), copied_words(entry.value, f"at #{entry.sequence}"))


def blame_line(entry: BlameEntry, width: int, *, now: bool, lit: bool) -> Line:
    """Return one value of a key, ``width`` cells wide: checkpoint, time, step and the value."""
    at = in_zone(entry.created_at)
    step = visible(entry.step_name) if entry.step_name else "the start"
    step_width = min(_STEP_WIDTH, max(width // 4, 10))
    left: Line = (
        Span(glyph("row") if lit else " ", "live"),
        Span("▸" if now else " ", "live"),
        Span(f"#{entry.sequence:<5} ", "text", bold=True),
        Span(f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  ", "muted"),
        Span(f"{fit(step, step_width)}  ", "text" if entry.step_name else "muted"),
    )
    word = _word(entry.value) if width >= _ROOM_FOR_TYPES else ""
    right: Line = (Span(f" {word} ", "future"),) if word else ()
    room = max(width - line_width(left) - line_width(right) - 1, 3)
    return spread((*left, _value(entry.value, room)), right, width)


def _word(value: Any) -> str:
    return "" if value is MISSING or is_plain(value) else clip(type_word(value), 16)


def _value(value: Any, room: int) -> Span:
    if value is MISSING:
        return Span(clip("removed", room), "removed")
    return Span(shown_value(value, room), value_token(value))
