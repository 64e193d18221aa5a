"""What kind each checkpoint of a saga is, in a byte each: what a whole history is drawn from.

A saga may have a hundred thousand checkpoints. Their kinds are known from the last one backward,
as far as they have been read; what is not read yet counts as an ordinary one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from sagaz_core.model import Kind
from sagaz_core.storage.backends.rows import MarkRow
from sagaz_tui.widgets.checkpoints import FAILURE_KINDS, UNDO_KINDS

_WORST_LAST: Final[tuple[Kind, ...]] = (
    "before_step",
    "after_step",
    "manual",
    "completed",
    "after_compensation",
    "before_compensation",
    "failed",
    "step_failed",
    "compensation_failed",
)
_RANKS: Final = {kind: rank for rank, kind in enumerate(_WORST_LAST, 1)}
_BLOCK: Final = 64
"""Checkpoints whose worst kind is kept, so that a long stretch is not looked through."""


class Outline:
    """The kinds of checkpoints, by their number. What was deleted has no place among the rest.

    A checkpoint's *place* is its index among those that are there.
    """

    def __init__(self) -> None:
        self.first_read = 1
        """From this number on all kinds are known."""
        self._ranks = bytearray()
        self._blocks = bytearray()
        self._at_once = bytearray()
        self._deleted: list[int] = []
        self._failures: list[int] = []
        self._undone: list[MarkRow] = []
        self._first_undone: int | None = None

    @property
    def head(self) -> int:
        """The number up to which there are checkpoints."""
        return len(self._ranks)

    def __len__(self) -> int:
        return len(self._ranks) - len(self._deleted)

    # -- what is read

    def begin(self, head: int) -> None:
        """Take in that there are so many, of which nothing is known yet."""
        self._ranks = bytearray(head)
        self._blocks = bytearray(-(-head // _BLOCK))
        self._at_once = bytearray(head)
        self.first_read = head + 1

    def read_before(self, first: int, marks: Iterable[MarkRow]) -> None:
        """Take in the kinds from ``first`` to where they were known already."""
        deleted, failures, undone = self._take(first, self.first_read - 1, marks)
        self._deleted[:0], self._failures[:0], self._undone[:0] = deleted, failures, undone
        self.first_read = first

    def read_on(self, marks: Sequence[MarkRow]) -> None:
        """Take in the kinds of checkpoints that are new."""
        if not marks:
            return
        first, head = self.head + 1, marks[-1].seq
        self._ranks.extend(bytes(head - self.head))
        self._blocks.extend(bytes(-(-head // _BLOCK) - len(self._blocks)))
        self._at_once.extend(bytes(head - len(self._at_once)))
        deleted, failures, undone = self._take(first, head, marks)
        self._deleted += deleted
        self._failures += failures
        self._undone += undone

    def note_at_once(self, numbers: Iterable[int]) -> None:
        """Take in at which of the checkpoints that are known several steps ran."""
        for number in numbers:
            self._at_once[number - 1] = 1

    def _take(
        self, first: int, last: int, marks: Iterable[MarkRow]
    ) -> tuple[list[int], list[int], list[MarkRow]]:
        deleted: list[int] = []
        failures: list[int] = []
        undone: list[MarkRow] = []
        expected = first
        for mark in marks:
            deleted += range(expected, mark.seq)
            expected = mark.seq + 1
            rank = _RANKS[mark.kind]
            self._ranks[mark.seq - 1] = rank
            block = (mark.seq - 1) // _BLOCK
            if rank > self._blocks[block]:
                self._blocks[block] = rank
            if mark.kind in FAILURE_KINDS:
                failures.append(mark.seq)
            if mark.kind in UNDO_KINDS:
                undone.append(mark)
                if self._first_undone is None or mark.seq < self._first_undone:
                    self._first_undone = mark.seq
        deleted += range(expected, last + 1)
        return deleted, failures, undone

    # -- places

    def number_at(self, place: int) -> int:
        """Return the number of the checkpoint at a place."""
        number = place + 1
        while (moved := place + 1 + bisect_right(self._deleted, number)) != number:
            number = moved
        return number

    def place_of(self, number: int) -> int:
        """Return the place of a checkpoint, or of the nearest one before it that is there."""
        return max(number - 1 - bisect_right(self._deleted, number), 0)

    # -- kinds

    def kind_at(self, place: int) -> Kind:
        """Return the kind of the checkpoint at a place."""
        return _kind(self._ranks[self.number_at(place) - 1])

    def gathered(self, first: int, last: int) -> tuple[Kind, bool]:
        """Return the worst kind from place ``first`` to ``last``, and whether several steps ran
        at the same time somewhere there."""
        lo, hi = self.number_at(first) - 1, self.number_at(last)
        at_once = 1 in self._at_once[lo:hi]
        start, stop = -(-lo // _BLOCK), hi // _BLOCK
        if start >= stop:
            return _kind(max(self._ranks[lo:hi])), at_once
        worst = max(
            max(self._blocks[start:stop]),
            max(self._ranks[lo : start * _BLOCK], default=0),
            max(self._ranks[stop * _BLOCK : hi], default=0),
        )
        return _kind(worst), at_once

    @property
    def first_undone(self) -> int:
        """The place at which undoing begins; how many there are if it does not."""
        return len(self) if self._first_undone is None else self.place_of(self._first_undone)

    def undone_until(self, number: int) -> Sequence[MarkRow]:
        """Return the checkpoints of undoing not after one, in order."""
        return self._undone[: bisect_right(self._undone, number, key=lambda mark: mark.seq)]

    def failure_near(self, number: int, direction: int) -> int | None:
        """Return the nearest failure after a checkpoint, or before it."""
        failures = self._failures
        if direction > 0:
            index = bisect_right(failures, number)
        else:
            index = bisect_left(failures, number) - 1
        return failures[index] if 0 <= index < len(failures) else None

    @property
    def latest_failed_step(self) -> int | None:
        """The number of the latest failed step, if one was read."""
        wanted = _RANKS["step_failed"]
        return next(
            (each for each in reversed(self._failures) if self._ranks[each - 1] == wanted), None
        )


def _kind(rank: int) -> Kind:
    return _WORST_LAST[max(rank, 1) - 1]
