"""A history as the screen holds it: the kinds of all checkpoints, the rows of some."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.model import CheckpointSummary, Kind, StepRecord
from sagaz_core.storage.backends.rows import MarkRow
from sagaz_tui.debugger.checkpoints import PAGE, PAGES_KEPT, Checkpoints, bounds_of
from sagaz_tui.debugger.outline import Outline
from sagaz_tui.widgets.track import lay_out
from tests.screen.recorded import checkpoint

KINDS: tuple[Kind, ...] = get_args(Kind)
BADNESS: tuple[Kind, ...] = (
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


@st.composite
def histories(draw: st.DrawFn) -> list[MarkRow]:
    """Checkpoints, some deleted, most of them ordinary."""
    head = draw(st.integers(1, 300))
    odd = draw(st.dictionaries(st.integers(1, head), st.sampled_from(KINDS), max_size=12))
    deleted = draw(st.sets(st.integers(1, head), max_size=8))
    marks = [MarkRow(n, odd.get(n, "before_step"), f"s{n}") for n in range(1, head + 1)]
    return [mark for mark in marks if mark.seq not in deleted] or [marks[-1]]


def read(marks: list[MarkRow], cuts: list[int]) -> Outline:
    """An outline read from the end backward, in stretches."""
    outline = Outline()
    head = marks[-1].seq
    outline.begin(head)
    for first in sorted({min(cut, head) for cut in cuts} | {1}, reverse=True):
        stretch = [mark for mark in marks if first <= mark.seq < outline.first_read]
        outline.read_before(first, stretch)
    return outline


@given(histories(), st.lists(st.integers(1, 300), max_size=5), st.data())
def test_an_outline_knows_every_place_and_the_worst_kind_between_two(
    marks: list[MarkRow], cuts: list[int], data: st.DataObject
) -> None:
    outline = read(marks, cuts)
    assert len(outline) == len(marks)
    assert [outline.number_at(place) for place in range(len(marks))] == [m.seq for m in marks]
    assert [outline.place_of(mark.seq) for mark in marks] == list(range(len(marks)))
    first = data.draw(st.integers(0, len(marks) - 1))
    last = data.draw(st.integers(first, len(marks) - 1))
    worst = max((mark.kind for mark in marks[first : last + 1]), key=BADNESS.index)
    assert outline.gathered(first, last)[0] == worst
    failures = [m.seq for m in marks if m.kind in ("step_failed", "compensation_failed")]
    here = marks[first].seq
    assert outline.failure_near(here, 1) == min((n for n in failures if n > here), default=None)
    assert outline.failure_near(here, -1) == max((n for n in failures if n < here), default=None)


@given(histories(), st.integers(0, 300))
def test_reading_on_leads_to_what_reading_at_once_does(marks: list[MarkRow], cut: int) -> None:
    whole = read(marks, [])
    early = [mark for mark in marks if mark.seq <= cut]
    outline = read(early, []) if early else Outline()
    outline.read_on([mark for mark in marks if mark.seq > cut])
    places = range(len(marks))
    assert len(outline) == len(whole)
    assert [outline.kind_at(place) for place in places] == [whole.kind_at(n) for n in places]
    assert outline.first_undone == whole.first_undone
    assert outline.gathered(0, len(marks) - 1) == whole.gathered(0, len(marks) - 1)


def rows(first: int, last: int) -> list[CheckpointSummary]:
    return [checkpoint(n, "before_step", f"step_{n}") for n in range(first, last + 1)]


def test_rows_are_kept_by_pages_and_only_those_looked_at_last() -> None:
    checkpoints = Checkpoints()
    checkpoints.outline.begin(PAGE * 30)
    for page in range(1, PAGES_KEPT + 3):
        assert page in checkpoints.pages_near(bounds_of(page)[0])
        checkpoints.keep(page, rows(*bounds_of(page)))
        checkpoints.pages_near(1)
    kept = [page for page in range(1, 30) if checkpoints.by_number(bounds_of(page)[0])]
    assert len(kept) == PAGES_KEPT
    assert kept[0] == 1


def test_a_row_that_comes_later_joins_its_page_if_that_is_whole() -> None:
    checkpoints = Checkpoints()
    checkpoints.outline.begin(PAGE + 10)
    checkpoints.read_on(rows(PAGE + 11, PAGE + 12))
    # The page's first ten were never read: it must not look whole.
    assert checkpoints.pages_near(PAGE + 12) == [1, 2]
    checkpoints.keep(2, rows(PAGE + 1, PAGE + 12))
    checkpoints.read_on(rows(PAGE + 13, PAGE * 2 + 5))
    assert checkpoints.by_number(PAGE * 2 + 5) is not None
    assert checkpoints.pages_near(PAGE * 2 + 5) == []


def test_conflicts_are_known_from_the_checkpoint_on_that_tells_of_them() -> None:
    record = StepRecord("b", "completed", conflicts=("total",))
    late = checkpoint(3, "after_step", "b", step_records=(record,))
    checkpoints = Checkpoints.of([*rows(1, 2), late, *rows(4, 5)])
    assert checkpoints.conflicts_until(2) == frozenset()
    assert checkpoints.conflicts_until(3) == {"total"}


@pytest.mark.parametrize("width", [1, 7, 73, 113])
def test_a_layout_of_many_takes_as_many_looks_as_there_are_cells(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints()
    checkpoints.outline.begin(100_000)
    marks = [MarkRow(n, "before_step", "s") for n in range(90_001, 100_001)]
    checkpoints.outline.read_before(90_001, marks)
    looks: list[int] = []
    number_at = Outline.number_at

    def counted(self: Outline, place: int) -> int:
        looks.append(place)
        return number_at(self, place)

    monkeypatch.setattr(Outline, "number_at", counted)
    track = lay_out(checkpoints, width)
    assert len(looks) <= 2 * width + 2
    assert track.stops[0].first == 0
    assert track.stops[-1].last == 99_999
