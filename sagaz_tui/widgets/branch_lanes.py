"""Lanes for steps that ran at the same time, one under another, where there is room for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from sagaz_core.model import CheckpointSummary
from sagaz_tui.widgets.checkpoints import attempts_between, times
from sagaz_tui.widgets.safe_text import clip
from sagaz_tui.widgets.track import RUN_LANES, Link, Stop, Track


def in_branch_lanes(track: Track, rows: Sequence[CheckpointSummary | None], lanes: int) -> Track:
    """Return a track with each step in the first lane that was free when it began.

    Columns are as they were. A track that would need more than ``lanes`` for its run, or rows
    that are not known, comes back as it is.
    """
    forward = [stop for stop in track.stops if stop.lane != "undo"]
    slots = _slots([rows[stop.first] for stop in forward])
    if max(slots, default=0) >= lanes:
        return track
    stops = [stop._replace(lane=RUN_LANES[slot]) for stop, slot in zip(forward, slots, strict=True)]
    links = [
        link
        for lane in RUN_LANES[:lanes]
        for link in _links([stop for stop in stops if stop.lane == lane], rows, track.line)
    ]
    return track._replace(
        stops=(*stops, *(stop for stop in track.stops if stop.lane == "undo")),
        links=(*links, *(link for link in track.links if link.lane == "undo")),
        parallel=False,
    )


def _slots(rows: Sequence[CheckpointSummary | None]) -> list[int]:
    """Return for each checkpoint how many lanes lie above its own."""
    slots: list[int] = []
    taken: dict[str, int] = {}
    for row in rows:
        slot = 0
        if row is not None:
            step = row.step_name or ""
            if row.kind in ("after_step", "step_failed"):
                slot = taken.pop(step, 0)
            for record in row.step_records:
                taken.pop(record.name, None)
            if row.kind == "before_step":
                used = set(taken.values())
                slot = taken[step] = next(n for n in range(len(used) + 1) if n not in used)
        slots.append(slot)
    return slots


def _links(
    stops: Sequence[Stop], rows: Sequence[CheckpointSummary | None], line: str
) -> Iterator[Link]:
    for here, there in pairwise(stops):
        before, after = rows[here.first], rows[there.first]
        size = there.column - here.column - 1
        begun = before is not None and before.kind == "before_step"
        if size > 0 and (begun or here.lane == "run"):
            name = ""
            if begun and before is not None and after is not None and before.step_name:
                count = times(attempts_between(before, after))
                name = f"{clip(before.step_name, max(size - 4 - len(count), 1))}{count}"
            gap = after is not None and bool(after.gap)
            text = _drawn(name, size, gap, line)
            yield Link(here.column + 1, here.lane, text, there.first, gap=gap)


def _drawn(name: str, size: int, gap: bool, line: str) -> str:
    if gap:
        return "?".center(size, "┄")
    return f"{line * 2}{name}".ljust(size, line) if len(name) + 4 <= size else line * size
