"""A saga and all its replays as a tree, a line for each, below it what was changed and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message

from sagaz_core.model import SagaSummary
from sagaz_tui.debugger.family_tree import DRAWN_DEPTH, from_words, stems, who_words
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.showing.text import short_age, visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.diff_lines import difference_line, difference_of, path_width
from sagaz_tui.widgets.lines import Line, LinePane, Span, line_width, spread
from sagaz_tui.widgets.safe_text import clip_middle
from sagaz_tui.widgets.status_signs import STATUS_SIGNS

if TYPE_CHECKING:
    from sagaz_core.history.lineage import Branch, Lineage
    from sagaz_tui.screens.base import SagazScreen

_RUN_CELLS: Final = 54
"""What a run's own line needs beside what is drawn before it."""
_LEAST_ID: Final = 14
_FROM_CELLS: Final = 4
"""So much is left at least for where it grew from, if only for the sign that it was cut."""


class LineageList(LinePane):
    """The runs of one family. ``enter`` asks to open the one that is lit."""

    DEFAULT_CSS = "LineageList { scrollbar-gutter: stable; }"
    BINDINGS = [*bindings_for("lineage")]  # noqa: RUF012 - Textual declares it so

    class Chosen(Message):
        """A run was asked for."""

        def __init__(self, saga_id: str) -> None:
            super().__init__()
            self.saga_id = saga_id

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._now: datetime | None = None
        self._family: Lineage | None = None
        self._note = "reading…"
        self._branch = 0
        self._lines: list[tuple[int, Line]] = []
        """Each line with the place of the branch that it is about."""
        self._first: list[int] = []
        """For each branch its own line."""

    @property
    def count(self) -> int:
        """How many lines there are, or the one that says why there are none."""
        return len(self._lines) or 1

    @property
    def chosen(self) -> SagaSummary | None:
        """The run that is lit."""
        return self._family.branches[self._branch].saga if self._family else None

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a line and whether it is the one that is lit."""
        if not self._lines:
            return (Span(f" {self._note}", "muted"),), False
        branch, line = self._lines[index]
        lit = branch == self._branch and index == self._first[branch] and self.has_focus
        return (Span(glyph("row") if lit else " ", "live"), *line), lit

    def on_focus(self) -> None:
        """Light the row."""
        self.refresh()

    def on_blur(self) -> None:
        """Put the light out."""
        self.refresh()

    def set_family(self, family: Lineage, now: datetime) -> None:
        """Show a family, lighting at first the run that was asked for, then the one that was lit.

        Args:
            family: the family.
            now: the time from which ages are counted.
        """
        lit = self.chosen.saga_id if self.chosen is not None else family.saga_id
        self._family, self._now = family, now
        ids = [branch.saga.saga_id for branch in family.branches]
        self._branch = ids.index(lit if lit in ids else family.saga_id)
        self._write()

    def set_note(self, note: str) -> None:
        """Show a sentence in place of runs."""
        self._family, self._lines, self._note = None, [], note
        self.resized()
        self.refresh()

    def width_changed(self) -> None:
        """Write the lines for another width."""
        self._write()

    def _write(self) -> None:
        if self._family is None or self._now is None:
            return
        self._lines = list(lineage_lines(self._family, self.text_width - 1, self._now))
        first: dict[int, int] = {}
        for index, (branch, _) in enumerate(self._lines):
            first.setdefault(branch, index)
        self._first = list(first.values())
        self.resized()
        self.refresh()
        self.keep_in_sight(self._first[self._branch])

    def on_click(self, event: Click) -> None:
        """Light the run under the pointer; once lit, open it."""
        index = round(self.scroll_offset.y) + event.y
        if index >= len(self._lines):
            return
        branch = self._lines[index][0]
        if branch == self._branch:
            self.action_open()
        else:
            self.action_move(branch - self._branch)

    def action_move(self, runs: int) -> None:
        """Light another run."""
        if not self._lines:
            return
        before = self._first[self._branch]
        self._branch = min(max(self._branch + runs, 0), len(self._first) - 1)
        here = self._first[self._branch]
        self.refresh_line(before)
        self.refresh_line(here)
        ends = self._first[self._branch + 1] if self._branch + 1 < len(self._first) else self.count
        self.keep_in_sight(ends - 1)
        self.keep_in_sight(here)

    def action_first(self) -> None:
        """Light the first run."""
        self.action_move(-len(self._first))

    def action_last(self) -> None:
        """Light the last run."""
        self.action_move(len(self._first))

    def action_open(self) -> None:
        """Ask to open the run that is lit."""
        if self.chosen is not None:
            self.post_message(self.Chosen(self.chosen.saga_id))

    def action_copy(self) -> None:
        """Copy the id of the run that is lit."""
        if self.chosen is not None:
            screen = cast("SagazScreen[object]", self.screen)
            screen.copy(self.chosen.saga_id, self.chosen.saga_id)


def lineage_lines(family: Lineage, width: int, now: datetime) -> Iterator[tuple[int, Line]]:
    """Yield the lines of a family, each with the place of the branch that it is about."""
    drawn = min(max((width - _RUN_CELLS) // 3, 2), DRAWN_DEPTH)
    for place, ((stem, below), branch) in enumerate(
        zip(stems(family.branches, drawn), family.branches, strict=True)
    ):
        yield place, _run_line(stem, branch, width, now, here=branch.saga.saga_id == family.saga_id)
        differences = [difference_of(change) for change in branch.override]
        paths = path_width(differences, width - cell_len(below))
        for difference in differences:
            line = difference_line(difference, paths, max(width - cell_len(below) - 1, 20))
            yield place, (Span(f"{below} ", "future"), *line)
        if who := who_words(branch):
            yield place, (Span(f"{below}  ", "future"), Span(visible(who), "muted"))


def _run_line(stem: str, branch: Branch, width: int, now: datetime, *, here: bool) -> Line:
    saga = branch.saga
    sign, token = STATUS_SIGNS[saga.status]
    first = (Span(stem, "future"), Span(f"{glyph(sign)} ", token))
    status = (
        Span(f"  {saga.status}", token),
        *((Span(", rolled back", "muted"),) if saga.compensation == "completed" else ()),
        *((Span(", rollback FAILED", "fail"),) if saga.compensation == "failed" else ()),
    )
    age = short_age((now - saga.started_at).total_seconds())
    right = (Span(f"{'here  ' if here else ''}{age} ago ", "muted"),)
    grew = visible(from_words(branch))
    room = width - line_width((*first, *status, *right)) - (_FROM_CELLS if grew else 1)
    saga_id = clip_middle(saga.saga_id, max(room, _LEAST_ID))
    left = (
        *first,
        Span(saga_id, "live" if here else "text", bold=True),
        *status,
        *((Span(f"  {grew}", "muted"),) if grew else ()),
    )
    return spread(left, right, width)
