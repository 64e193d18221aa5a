"""A saga's checkpoints as the screen holds them: the kinds of all, and the rows that are looked at.

A row is a checkpoint without its context; a hundred thousand of them would take a hundred
megabytes. They are kept by pages, and the pages that were looked at last stay.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final, Self

from sagaz_core.model import CheckpointSummary, Kind, StepInfo
from sagaz_core.storage.backends.rows import MarkRow
from sagaz_tui.debugger.outline import Outline

PAGE: Final = 256
PAGES_KEPT: Final = 12
_AROUND: Final = 64
"""Rows before and after the one looked at that a screen may show with it."""


class Checkpoints:
    """All checkpoints of one saga, each at its place; only some of the rows are in memory.

    Args:
        steps: the saga's steps as they were recorded.
    """

    def __init__(self, steps: Iterable[StepInfo] = ()) -> None:
        self.outline = Outline()
        steps = tuple(steps)
        self.breadth = _breadth(steps)
        """How many steps can run at the same time."""
        self.compensations: Mapping[str, str] = {
            step.name: step.compensation for step in steps if step.compensation
        }
        """For each step whose compensation function's name was recorded: that name."""
        self.version = 0
        """Rises with everything that is read."""
        self.first: CheckpointSummary | None = None
        """The first one's row, from which times are told."""
        self._pages: OrderedDict[int, dict[int, CheckpointSummary]] = OrderedDict()
        self._conflicts: list[tuple[int, str]] = []

    @classmethod
    def of(cls, rows: Iterable[CheckpointSummary], steps: Iterable[StepInfo] = ()) -> Self:
        """Return the checkpoints of a saga that has no others than these."""
        checkpoints = cls(steps)
        checkpoints.read_on(list(rows))
        return checkpoints

    def __len__(self) -> int:
        return len(self.outline)

    # -- what is there

    def kind(self, place: int) -> Kind:
        """Return the kind of the checkpoint at a place."""
        row = self.row(place)
        return self.outline.kind_at(place) if row is None else row.kind

    def row(self, place: int) -> CheckpointSummary | None:
        """Return the row at a place, if it is in memory."""
        return self.by_number(self.outline.number_at(place))

    def by_number(self, number: int) -> CheckpointSummary | None:
        """Return the row of a checkpoint, if it is there and in memory."""
        return self._pages.get(_page_of(number), {}).get(number)

    @property
    def last_number(self) -> int:
        """The number of the last checkpoint that is there; 0: there is none."""
        return self.outline.number_at(len(self) - 1) if len(self) else 0

    def conflicts_until(self, number: int) -> frozenset[str]:
        """Return the keys that two parallel branches had set by then."""
        end = bisect_right(self._conflicts, number, key=lambda conflict: conflict[0])
        return frozenset(key for _, key in self._conflicts[:end])

    # -- what is read

    def pages_near(self, number: int) -> list[int]:
        """Return the pages to look at a checkpoint that are not in memory."""
        near = range(
            _page_of(max(number - _AROUND, 1)),
            _page_of(min(number + _AROUND, max(self.outline.head, 1))) + 1,
        )
        for page in near:
            if page in self._pages:
                self._pages.move_to_end(page)
        return [page for page in near if page not in self._pages]

    def keep(self, page: int, rows: Iterable[CheckpointSummary]) -> None:
        """Take in the rows of a page, letting go of the page not looked at for longest."""
        self._pages[page] = {row.sequence: row for row in rows}
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)
        self.version += 1

    def read_on(self, rows: Sequence[CheckpointSummary]) -> None:
        """Take in checkpoints that are new."""
        before = self.outline.head
        self.outline.read_on([_mark(row) for row in rows])
        self.outline.note_at_once(_at_once(rows))
        self._conflicts += _conflicts(rows)
        if self.first is None and rows:
            self.first = rows[0]
        for row in rows:
            page = _page_of(row.sequence)
            # A page of which some rows are missing is not kept: it would look whole.
            if page not in self._pages and (page - 1) * PAGE >= before:
                self.keep(page, ())
            if page in self._pages:
                self._pages[page][row.sequence] = row
        self.version += 1

    def read_before(self, first: int, marks: Iterable[MarkRow]) -> None:
        """Take in the kinds of earlier checkpoints, whose rows are not to be kept."""
        self.outline.read_before(first, marks)
        self.version += 1

    def read_rows_before(self, first: int, rows: Sequence[CheckpointSummary]) -> None:
        """Take in the kinds of earlier checkpoints, and what their branches did."""
        self._conflicts[:0] = _conflicts(rows)
        self.outline.note_at_once(_at_once(rows))
        self.read_before(first, [_mark(row) for row in rows])


def _breadth(steps: Sequence[StepInfo]) -> int:
    graph = TopologicalSorter({step.name: step.depends_on or () for step in steps})
    if all(step.depends_on is None for step in steps):
        return 1
    breadth = 1
    try:
        graph.prepare()
    except CycleError:
        # No run has such steps; what is recorded may say so all the same.
        return breadth
    while graph.is_active():
        ready = graph.get_ready()
        breadth = max(breadth, len(ready))
        graph.done(*ready)
    return breadth


def bounds_of(page: int) -> tuple[int, int]:
    """Return the first and the last number of a page."""
    return (page - 1) * PAGE + 1, page * PAGE


def _page_of(number: int) -> int:
    return (number - 1) // PAGE + 1


def _mark(row: CheckpointSummary) -> MarkRow:
    return MarkRow(row.sequence, row.kind, row.step_name)


def _at_once(rows: Iterable[CheckpointSummary]) -> list[int]:
    """Return where one step began or ended while another ran."""
    return [row.sequence for row in rows if {*row.running_steps} - {row.step_name}]


def _conflicts(rows: Iterable[CheckpointSummary]) -> list[tuple[int, str]]:
    return [
        (row.sequence, key)
        for row in rows
        for record in row.step_records
        for key in record.conflicts
    ]
