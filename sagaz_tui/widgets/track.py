"""Where each checkpoint stands on the scrubber: two lanes, laid out for a width in cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from rich.cells import cell_len

from sagaz_core.model import CheckpointSummary, Kind
from sagaz_tui.widgets.checkpoints import attempts_between, first_undone, times
from sagaz_tui.widgets.safe_text import clip

Lane = Literal["run", "undo"]

_LABEL_LIMITS: Final = (60, *range(32, 6, -3))
_PLAIN_LINKS: Final = (3, 2, 1, 0)
_WORST_FIRST: Final[tuple[Kind, ...]] = (
    "compensation_failed",
    "step_failed",
    "failed",
    "before_compensation",
    "after_compensation",
    "completed",
    "manual",
    "after_step",
    "before_step",
)
_BADNESS: Final = {kind: -rank for rank, kind in enumerate(_WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class Stop:
    """A cell with one checkpoint, or with several where there are more than cells.

    ``first`` and ``last`` are indexes into the checkpoints, ``kind`` the worst among them.
    """

    column: int
    lane: Lane
    kind: Kind
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Link:
    """What is drawn from one stop to the next, and the index of the checkpoint it leads to."""

    column: int
    lane: Lane
    text: str
    towards: int
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """Both lanes, laid out. ``columns`` gives each checkpoint's column, by its index."""

    stops: tuple[Stop, ...]
    links: tuple[Link, ...]
    columns: tuple[int, ...]

    def nearest(self, column: int) -> int:
        """Return the index of the checkpoint that stands nearest to a column."""
        stop = min(self.stops, key=lambda stop: abs(stop.column - column))
        return stop.first


def lay_out(checkpoints: Sequence[CheckpointSummary], width: int, ellipsis: str = "…") -> Track:
    """Return the lanes for a width: with the steps' names if they fit, gathered if they must be.

    Undoing has a lane of its own, which begins under the checkpoint before it.
    """
    if not checkpoints or width < 1:
        return Track((), (), (0,) * len(checkpoints))
    if len(checkpoints) > width:
        return _gathered(checkpoints, width)
    pairs = list(pairwise(checkpoints))
    for limit in _LABEL_LIMITS:
        texts = [_link_text(before, after, limit, ellipsis) for before, after in pairs]
        if len(checkpoints) + sum(map(cell_len, texts)) <= width:
            return _placed(checkpoints, texts)
    link = next(size for size in _PLAIN_LINKS if len(checkpoints) + size * len(pairs) <= width)
    return _placed(checkpoints, [_plain_link(after, link) for _, after in pairs])


def _link_text(
    before: CheckpointSummary, after: CheckpointSummary, limit: int, ellipsis: str
) -> str:
    if after.gap:
        return "┄?┄"
    if before.kind not in ("before_step", "before_compensation") or not before.step_name:
        return "──"
    count = times(attempts_between(before, after))
    return f"──{clip(before.step_name, limit, ellipsis)}{count}──"


def _plain_link(after: CheckpointSummary, size: int) -> str:
    if after.gap and size:
        return "?".center(size, "┄")
    return "─" * size


def _placed(checkpoints: Sequence[CheckpointSummary], texts: Sequence[str]) -> Track:
    undone = first_undone(checkpoints)
    stops: list[Stop] = []
    links: list[Link] = []
    column = 0
    for index, checkpoint in enumerate(checkpoints):
        lane: Lane = "undo" if index >= undone else "run"
        if index:
            text, start = texts[index - 1], column
            if index == undone:
                start, text = column - 1, "╰" + text
            if text:
                links.append(Link(start, lane, text, index, gap=bool(checkpoint.gap)))
            column = start + cell_len(text)
        stops.append(Stop(column, lane, checkpoint.kind, index, index))
        column += 1
    return Track(tuple(stops), tuple(links), tuple(stop.column for stop in stops))


def _gathered(checkpoints: Sequence[CheckpointSummary], width: int) -> Track:
    columns = tuple(index * width // len(checkpoints) for index in range(len(checkpoints)))
    stops: list[Stop] = []
    for stop in _single_stops(checkpoints, columns):
        last = stops[-1] if stops else None
        if last and (last.column, last.lane) == (stop.column, stop.lane):
            worst = max(last.kind, stop.kind, key=_BADNESS.__getitem__)
            stops[-1] = Stop(last.column, last.lane, worst, last.first, stop.last)
        else:
            stops.append(stop)
    return Track(tuple(stops), (), columns)


def _single_stops(
    checkpoints: Sequence[CheckpointSummary], columns: Sequence[int]
) -> Iterator[Stop]:
    undone = first_undone(checkpoints)
    for index, checkpoint in enumerate(checkpoints):
        lane: Lane = "undo" if index >= undone else "run"
        yield Stop(columns[index], lane, checkpoint.kind, index, index)
