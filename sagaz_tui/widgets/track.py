"""Where each checkpoint stands on the scrubber: its lanes, laid out for a width in cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple, overload

from rich.cells import cell_len

from sagaz_core.model import CheckpointSummary, Kind
from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.debugger.outline import Outline
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.checkpoints import attempts_between, times
from sagaz_tui.widgets.safe_text import clip

Lane = Literal["run", "run-2", "run-3", "undo"]
RUN_LANES: Final[tuple[Lane, ...]] = ("run", "run-2", "run-3")
"""The lanes of the run; all but the first only for steps that run at the same time."""

LINE: Final = "─"
GHOST_LINE: Final = "┄"
"""Of a run that was rehearsed."""

_LABEL_LIMITS: Final = (60, *range(32, 6, -3))
_PLAIN_LINKS: Final = (3, 2, 1, 0)


class Stop(NamedTuple):
    """A cell with one checkpoint, or with several where there are more than cells.

    ``first`` and ``last`` are indexes into the checkpoints, ``kind`` the worst among them.
    ``parallel``: of several, during some of which steps ran at the same time.
    """

    column: int
    lane: Lane
    kind: Kind
    first: int
    last: int
    parallel: bool = False


class Link(NamedTuple):
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


class Track(NamedTuple):
    """All lanes, laid out. ``columns`` gives each checkpoint's column, by its place.

    ``parallel``: some of it is drawn as steps that ran at the same time. ``line`` is what its
    links are drawn with.
    """

    stops: tuple[Stop, ...]
    links: tuple[Link, ...]
    columns: Sequence[int]
    parallel: bool = False
    line: str = LINE

    def nearest(self, column: int) -> int:
        """Return the place of the checkpoint that stands nearest to a column."""
        stop = min(self.stops, key=lambda stop: abs(stop.column - column))
        return stop.first


def lay_out(checkpoints: Checkpoints, width: int, line: str = LINE) -> Track:
    """Return the lanes for a width: with the steps' names if they fit, gathered if they must be.

    Undoing has a lane of its own, which begins under the checkpoint before it. What it takes
    depends on the width, not on how many checkpoints there are. Links are drawn with ``line``.
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
    at_once = _ran_at_once(rows) if checkpoints.breadth > 1 else [1] * count
    for limit in _LABEL_LIMITS:
        texts = [
            _link_text(*pair, count, line, checkpoints.compensations, limit)
            for pair, count in zip(pairs, at_once, strict=False)
        ]
        if count + sum(map(cell_len, texts)) <= width:
            return _placed(rows, kinds, texts, undone, at_once, line)
    link = next(size for size in _PLAIN_LINKS if count + size * len(pairs) <= width)
    texts = [
        _plain_link(after, _drawn_with(line, count), link)
        for (_, after), count in zip(pairs, at_once, strict=False)
    ]
    return _placed(rows, kinds, texts, undone, at_once, line)


def _link_text(
    before: CheckpointSummary | None,
    after: CheckpointSummary | None,
    at_once: int,
    line: str,
    compensations: Mapping[str, str],
    limit: int,
) -> str:
    if before is None or after is None:
        return line * 2
    if after.gap:
        return "┄?┄"
    drawn = _drawn_with(line, at_once) * 2
    if before.kind not in ("before_step", "before_compensation") or not before.step_name:
        return drawn
    if before.kind == "before_compensation":
        name = compensations.get(before.step_name, before.step_name)
        return f"{line * 2}{clip(name, limit)}{line * 2}"
    count = times(attempts_between(before, after))
    return f"{drawn}{clip(before.step_name, limit)}{count}{drawn}"


def _plain_link(after: CheckpointSummary | None, line: str, size: int) -> str:
    if after is not None and after.gap and size:
        return "?".center(size, "┄")
    return line * size


def _drawn_with(line: str, at_once: int) -> str:
    """What a link is drawn with; double where several steps ran at the same time."""
    return glyph("parallel") if at_once > 1 else line


def _ran_at_once(rows: Iterable[CheckpointSummary | None]) -> list[int]:
    """Return how many branches ran from each checkpoint on, until the next one."""
    counts: list[int] = []
    begun: set[str | None] = set()
    for row in rows:
        if row is not None:
            begun.difference_update(record.name for record in row.step_records)
            if row.kind in ("after_step", "step_failed"):
                begun.discard(row.step_name)
            elif row.kind == "before_step":
                begun.add(row.step_name)
        counts.append(len(begun))
    return counts


def _placed(
    rows: Sequence[CheckpointSummary | None],
    kinds: Sequence[Kind],
    texts: Sequence[str],
    undone: int,
    at_once: Sequence[int],
    line: str,
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
                parallel = not gap and at_once[place - 1] > 1
                links.append(Link(start, lane, text, place, gap=gap, parallel=parallel))
            column = start + cell_len(text)
        stops.append(Stop(column, lane, kind, place, place))
        column += 1
    columns = tuple(stop.column for stop in stops)
    parallel = any(link.parallel for link in links)
    return Track(tuple(stops), tuple(links), columns, parallel, line)


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
            Stop(column, lane, kind, lo, hi, at_once)
            for lane, lo, hi in lanes
            if lo <= hi
            for kind, at_once in (outline.gathered(lo, hi),)
        ]
    return Track(tuple(stops), (), columns, any(stop.parallel for stop in stops))
