"""Where each checkpoint stands on the scrubber: two lanes, laid out for a width in cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, overload

from rich.cells import cell_len

from sagaz_core.model import CheckpointSummary, Kind
from sagaz_tui.checkpoints import Checkpoints
from sagaz_tui.outline import Outline
from sagaz_tui.theme import glyph
from sagaz_tui.widgets.checkpoints import attempts_between, times
from sagaz_tui.widgets.safe_text import clip

Lane = Literal["run", "undo"]

_LABEL_LIMITS: Final = (60, *range(32, 6, -3))
_PLAIN_LINKS: Final = (3, 2, 1, 0)


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
    """What is drawn from one stop to the next, and the index of the checkpoint it leads to.

    ``parallel``: several steps ran meanwhile.
    """

    column: int
    lane: Lane
    text: str
    towards: int
    gap: bool = False
    parallel: bool = False


class Spread(Sequence[int]):
    """The columns of more checkpoints than there are cells, worked out as they are asked for."""

    def __init__(self, count: int, width: int) -> None:
        self._count = count
        self._width = width

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> list[int]: ...
    def __getitem__(self, place: int | slice) -> int | list[int]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        return place % self._count * self._width // self._count

    def places_in(self, column: int) -> tuple[int, int]:
        """Return the first and the last place that stand in a column."""
        first, beyond = (-(-each * self._count // self._width) for each in (column, column + 1))
        return first, beyond - 1


@dataclass(frozen=True, slots=True)
class Track:
    """Both lanes, laid out. ``columns`` gives each checkpoint's column, by its place."""

    stops: tuple[Stop, ...]
    links: tuple[Link, ...]
    columns: Sequence[int]

    def nearest(self, column: int) -> int:
        """Return the place of the checkpoint that stands nearest to a column."""
        stop = min(self.stops, key=lambda stop: abs(stop.column - column))
        return stop.first


def lay_out(checkpoints: Checkpoints, width: int, ellipsis: str = "…") -> Track:
    """Return the lanes for a width: with the steps' names if they fit, gathered if they must be.

    Undoing has a lane of its own, which begins under the checkpoint before it. What it takes
    depends on the width, not on how many checkpoints there are.
    """
    count = len(checkpoints)
    if not count or width < 1:
        return Track((), (), ())
    if count > width:
        return _gathered(checkpoints.outline, width)
    kinds = [checkpoints.kind(place) for place in range(count)]
    rows = [checkpoints.row(place) for place in range(count)]
    undone = checkpoints.outline.first_undone
    pairs = list(pairwise(rows))
    for limit in _LABEL_LIMITS:
        texts = [
            _link_text(before, after, checkpoints.compensations, limit, ellipsis)
            for before, after in pairs
        ]
        if count + sum(map(cell_len, texts)) <= width:
            return _placed(rows, kinds, texts, undone)
    link = next(size for size in _PLAIN_LINKS if count + size * len(pairs) <= width)
    return _placed(rows, kinds, [_plain_link(*pair, link) for pair in pairs], undone)


def _link_text(
    before: CheckpointSummary | None,
    after: CheckpointSummary | None,
    compensations: Mapping[str, str],
    limit: int,
    ellipsis: str,
) -> str:
    if before is None or after is None:
        return "──"
    if after.gap:
        return "┄?┄"
    line = _line(before) * 2
    if before.kind not in ("before_step", "before_compensation") or not before.step_name:
        return line
    if before.kind == "before_compensation":
        name = compensations.get(before.step_name, before.step_name)
        return f"──{clip(name, limit, ellipsis)}──"
    count = times(attempts_between(before, after))
    return f"{line}{clip(before.step_name, limit, ellipsis)}{count}{line}"


def _plain_link(
    before: CheckpointSummary | None, after: CheckpointSummary | None, size: int
) -> str:
    if after is not None and after.gap and size:
        return "?".center(size, "┄")
    return _line(before) * size


def _line(before: CheckpointSummary | None) -> str:
    """What a link is drawn with; double where several steps ran at the same time."""
    return glyph("parallel") if _ran_at_once(before) > 1 else "─"


def _ran_at_once(before: CheckpointSummary | None) -> int:
    """How many steps ran from a checkpoint on, until the next one."""
    if before is None:
        return 0
    begun = {before.step_name} if before.kind == "before_step" else set()
    return len({*before.running_steps, *begun})


def _placed(
    rows: Sequence[CheckpointSummary | None],
    kinds: Sequence[Kind],
    texts: Sequence[str],
    undone: int,
) -> Track:
    stops: list[Stop] = []
    links: list[Link] = []
    column = 0
    for place, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        lane: Lane = "undo" if place >= undone else "run"
        if place:
            text, start = texts[place - 1], column
            if place == undone:
                start, text = column - 1, "╰" + text
            if text:
                gap = row is not None and bool(row.gap)
                parallel = not gap and _ran_at_once(rows[place - 1]) > 1
                links.append(Link(start, lane, text, place, gap=gap, parallel=parallel))
            column = start + cell_len(text)
        stops.append(Stop(column, lane, kind, place, place))
        column += 1
    return Track(tuple(stops), tuple(links), tuple(stop.column for stop in stops))


def _gathered(outline: Outline, width: int) -> Track:
    columns, undone = Spread(len(outline), width), outline.first_undone
    stops: list[Stop] = []
    for column in range(width):
        first, last = columns.places_in(column)
        lanes: tuple[tuple[Lane, int, int], ...] = (
            ("run", first, min(last, undone - 1)),
            ("undo", max(first, undone), last),
        )
        stops += [
            Stop(column, lane, outline.worst(lo, hi), lo, hi) for lane, lo, hi in lanes if lo <= hi
        ]
    return Track(tuple(stops), (), columns)
