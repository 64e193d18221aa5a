"""How the keys that each step set differ between two runs, each as the step left it."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from sagaz_core.history.diff import diff
from sagaz_core.model import MISSING, Difference, KeyTouch, Kind
from sagaz_core.storage.backends.rows import MarkRow
from sagaz_core.storage.codec import pack
from sagaz_core.storage.reader import StoreReader

_UNDOING: Final[frozenset[Kind]] = frozenset({"after_compensation", "compensation_failed"})
"""What changed there was the compensation's doing, not the step's."""

PAGE: Final = 10_000
"""So many checkpoints' changes are listed at a time, so that whoever shares the event loop gets
on."""

Left = tuple[str, dict[str, Any]]
"""A step's name, and the keys that it set, as it left them; those it removed are not there."""


Progress = Callable[[int, int], None]
"""Is told how many steps have been compared, and of how many."""


async def compare_what_steps_left(
    storage: StoreReader, a: str, b: str, progress: Progress | None = None
) -> dict[str, tuple[Difference, ...]]:
    """Return for each step that set anything how that differs in ``b`` from ``a``.

    A step that does not differ, or set nothing, is left out. What a step set in one run only
    is compared with nothing.
    """
    index = await _index(storage, a), await _index(storage, b)
    count = len(index[0].counts.keys() | index[1].counts.keys())
    waiting: tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]] = ({}, {})
    found: dict[str, tuple[Difference, ...]] = {}
    async with (
        aclosing(_read(storage, a, index[0])) as first,
        aclosing(_read(storage, b, index[1])) as second,
    ):
        sides = (first, second)
        going = {0, 1}
        while going:
            # The side that has come less far goes on, so that little has to wait for the other.
            side = 1 if 1 in going and (waiting[0] or 0 not in going) else min(going)
            left = await anext(sides[side], None)
            if left is None:
                going.discard(side)
                continue
            name, values = left
            if name in index[1 - side].counts and name not in waiting[1 - side]:
                waiting[side][name] = values
                continue
            pair = (values, waiting[1 - side].pop(name, {}))
            found[name] = _differences(*(pair if side == 0 else pair[::-1]))
            if progress is not None:
                progress(len(found), count)
    return {name: differences for name, differences in found.items() if differences}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[Difference, ...]:
    # Most are equal, which their stored form tells a hundred times faster than a diff.
    for key in before.keys() & after.keys():
        if pack(before[key]) == pack(after[key]):
            del before[key], after[key]
    return tuple(diff(before, after))


@dataclass(frozen=True, slots=True)
class _Index:
    """Which keys each step set last at which checkpoint."""

    at: dict[int, list[tuple[str, str]]]
    """By the checkpoint's number: step and key."""
    counts: dict[str, int]
    """How many keys each step set."""


async def _index(storage: StoreReader, saga_id: str) -> _Index:
    # Not the number that its row tells, which in a damaged store may be any.
    latest = await storage.list_checkpoints(saga_id, reverse=True, limit=1)
    touches: list[KeyTouch] = []
    marks: list[MarkRow] = []
    for first in range(1, latest[0].sequence + 1 if latest else 1, PAGE):
        last = first + PAGE - 1
        touches += reversed(await storage.list_changes(saga_id, first=first, last=last))
        marks += await storage.list_marks(saga_id, first, last)
    return await asyncio.to_thread(_indexed, touches, marks)


def _indexed(touches: Sequence[KeyTouch], marks: Sequence[MarkRow]) -> _Index:
    numbers = [mark.seq for mark in marks]
    undoing = {mark.seq for mark in marks if mark.kind in _UNDOING}
    last: dict[tuple[str, str], int] = {}
    for touch in touches:
        # What a deleted checkpoint changed is first seen in the one after it.
        place = bisect_left(numbers, touch.sequence)
        if touch.step_name is not None and place < len(numbers) and touch.sequence not in undoing:
            last[touch.step_name, touch.key] = numbers[place]
    at: dict[int, list[tuple[str, str]]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for (step, key), number in last.items():
        at[number].append((step, key))
        counts[step] += 1
    return _Index(dict(at), dict(counts))


async def _read(storage: StoreReader, saga_id: str, index: _Index) -> AsyncGenerator[Left, None]:
    """Yield each step once all that it set is read."""
    if not index.at:
        return
    unread = dict(index.counts)
    left: dict[str, dict[str, Any]] = {name: {} for name in unread}
    async for snapshot in storage.masked.iter_checkpoints(
        saga_id, min(index.at), max(index.at), only=index.at, steps=False
    ):
        state = snapshot.state
        for step, key in index.at[snapshot.sequence]:
            value = state.get(key, MISSING)
            if value is not MISSING:
                left[step][key] = value
            unread[step] -= 1
            if not unread[step]:
                yield step, left.pop(step)
    # A checkpoint may have been deleted while it was being read.
    for step, values in left.items():
        yield step, values
