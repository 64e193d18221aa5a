"""The batches of a store, newest first, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from textual.events import Click
from textual.message import Message

from sagaz_tui.keys.table import bindings_for
from sagaz_tui.showing.text import short_age, visible
from sagaz_tui.showing.theme import GlyphName, glyph
from sagaz_tui.widgets.lines import Line, LinePane, Span, Token, spread
from sagaz_tui.widgets.safe_text import clip

if TYPE_CHECKING:
    from sagaz_core.replay.batch.standing import BatchStanding

_STATES: Final[dict[str, tuple[GlyphName, Token]]] = {
    "running": ("running", "live"),
    "interrupted": ("interrupted", "changed"),
    "stopped": ("failed", "changed"),
    "completed": ("completed", "ok"),
}
_COUNTED: Final = (
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("in_doubt", "in doubt"),
    ("skipped", "skipped"),
)
_SAGAS: Final = len("99,999 sagas")


class BatchList(LinePane):
    """Batches with a cursor. ``enter`` asks to open the one that is lit."""

    DEFAULT_CSS = "BatchList { scrollbar-gutter: stable; }"
    BINDINGS = [*bindings_for("batches")]  # noqa: RUF012 - Textual declares it so

    class Chosen(Message):
        """A batch was asked for."""

        def __init__(self, batch_id: str) -> None:
            super().__init__()
            self.batch_id = batch_id

    def __init__(self) -> None:
        super().__init__()
        self._batches: Sequence[BatchStanding] = ()
        self._now: datetime | None = None
        self._note = "reading…"
        self._at = 0

    @property
    def count(self) -> int:
        """How many lines there are, or the one that says why there are none."""
        return len(self._batches) or 1

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a line and whether it is the one that is lit."""
        if not self._batches or self._now is None:
            return (Span(f" {self._note}", "muted"),), False
        lit = index == self._at
        line = batch_line(self._batches[index], self._now, self.text_width - 1)
        return (Span(glyph("row") if lit else " ", "live"), *line), lit

    def set_batches(self, batches: Sequence[BatchStanding], now: datetime) -> None:
        """Show these, with one that runs lit; ages are counted from ``now``."""
        self._batches, self._now = batches, now
        running = (n for n, each in enumerate(batches) if each.state == "running")
        self._at = next(running, 0)
        self.resized()
        self.refresh()
        self.keep_in_sight(self._at)

    def set_note(self, note: str) -> None:
        """Show a sentence in place of batches."""
        self._batches, self._note = (), note
        self.resized()
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Light the batch under the pointer; once lit, open it."""
        index = round(self.scroll_offset.y) + event.y
        if index == self._at:
            self.action_open()
        elif index < len(self._batches):
            self.action_move(index - self._at)

    def action_move(self, by: int) -> None:
        """Light another batch."""
        before, self._at = self._at, min(max(self._at + by, 0), self.count - 1)
        self.refresh_line(before)
        self.refresh_line(self._at)
        self.keep_in_sight(self._at)

    def action_open(self) -> None:
        """Ask to open the batch that is lit."""
        if self._batches:
            self.post_message(self.Chosen(self._batches[self._at].entry.batch_id))


def batch_line(standing: BatchStanding, now: datetime, width: int) -> Line:
    """Return one batch: how it stands, of how many sagas, what came of them, who and why."""
    entry, state = standing.entry, standing.state
    sign, token = _STATES[state]
    counts = [f"{entry.counts[key]:,} {word}" for key, word in _COUNTED if entry.counts.get(key)]
    ended = ", ".join(counts) if state in ("stopped", "completed") else ""
    many = f"{len(entry.items):,} saga{'s' * (len(entry.items) != 1)}"
    who = ": ".join(filter(None, (f"by {entry.initiated_by}", entry.reason)))
    age = f"{short_age((now - entry.started_at).total_seconds())} ago "
    first = f"{glyph(sign)} {state:<11} {many:<{_SAGAS}}"
    rest = "  ".join(filter(None, (ended, visible(who))))
    room = max(width - len(first) - len(age) - 4, 0)
    left = (Span(first, token), Span(f"  {clip(rest, room)}" if room else "", "muted"))
    return spread(left, (Span(age, "muted"),), width)
