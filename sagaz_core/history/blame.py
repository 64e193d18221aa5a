"""Who set a key, when, and every value that it ever had."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sagaz_core.errors import CorruptEntryError, SnapshotNotFoundError
from sagaz_core.model import MISSING, CheckpointSummary, KeyTouch, Kind
from sagaz_core.storage.reader import StoreReader

READ_TOGETHER: Final = 64
"""Changes this many checkpoints apart are read in one pass over what lies between them."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value whose checkpoint cannot be decoded."""

    reason: str

    def __str__(self) -> str:
        return "‹unreadable›"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameEntry:
    """One value of a key: the checkpoint that first showed it and the step that set it."""

    sequence: int
    step_name: str | None
    """None: set before any step ran."""
    created_at: datetime
    kind: Kind
    value: Any
    """:data:`~sagaz_core.model.MISSING` where the key was removed, else an
    :class:`Unreadable` where the checkpoint is damaged."""


async def blame(
    storage: StoreReader, saga_id: str, key: str, *, limit: int | None = None
) -> list[BlameEntry]:
    """Return the history of a top-level key, newest first; empty if it never was there.

    The result of a step is the key of its name. Who and when come from the index of touches
    and stand even where no value can be read.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    touches = await storage.list_changes(saga_id, key=key, limit=limit)
    if not touches:
        await storage.get_existing_saga(saga_id)
        return []
    return await blame_touches(storage, saga_id, touches)


async def blame_touches(
    storage: StoreReader, saga_id: str, touches: Sequence[KeyTouch]
) -> list[BlameEntry]:
    """Return what some touches of one key made of it, newest first.

    Args:
        storage: where the saga is.
        saga_id: the saga.
        touches: one or more of one key, newest first, none left out between two of them.
    """
    key = touches[0].key
    visible = await _visible_numbers(storage, saga_id, touches[-1].sequence, touches[0].sequence)
    steps: dict[int, str | None] = {}
    for touch in touches:
        # What a deleted checkpoint changed is first seen in the one after it.
        place = bisect_left(visible, touch.sequence)
        if place < len(visible):
            steps.setdefault(visible[place], touch.step_name)
    values = await _read_values(storage, saga_id, key, sorted(steps))
    pages = await asyncio.gather(
        *(storage.list_checkpoints(saga_id, after=number - 1, until=number) for number in steps)
    )
    return [
        _entry(summary, steps[summary.sequence], values[summary.sequence])
        for page in pages
        for summary in page
    ]


async def _visible_numbers(
    storage: StoreReader, saga_id: str, oldest: int, newest: int
) -> list[int]:
    """Return the checkpoints that are there from one to another, and the next one after those."""
    marks = await storage.list_marks(saga_id, oldest, newest)
    following = await storage.list_checkpoints(saga_id, after=newest, limit=1)
    return [mark.seq for mark in marks] + [summary.sequence for summary in following]


def _entry(summary: CheckpointSummary, step_name: str | None, value: Any) -> BlameEntry:
    return BlameEntry(
        sequence=summary.sequence,
        step_name=step_name,
        created_at=summary.created_at,
        kind=summary.kind,
        value=value,
    )


async def _read_values(
    storage: StoreReader, saga_id: str, key: str, sequences: Sequence[int]
) -> dict[int, Any]:
    values: dict[int, Any] = {}
    for stretch in _stretches(sequences):
        wanted = set(stretch)
        unread = list(stretch)
        while unread:
            try:
                async for snapshot in storage.masked.iter_checkpoints(
                    saga_id, unread[0], unread[-1], only=wanted, steps=False
                ):
                    values[snapshot.sequence] = snapshot.state.get(key, MISSING)
            except (CorruptEntryError, SnapshotNotFoundError) as error:
                unread = [sequence for sequence in unread if sequence not in values]
                values[unread.pop(0)] = Unreadable(str(error))
            else:
                unread = []
    gone = Unreadable("the checkpoint was deleted while it was being read")
    return {sequence: values.get(sequence, gone) for sequence in sequences}


def _stretches(sequences: Sequence[int]) -> Iterator[Sequence[int]]:
    start = 0
    for index in range(1, len(sequences) + 1):
        if index == len(sequences) or sequences[index] - sequences[index - 1] > READ_TOGETHER:
            yield sequences[start:index]
            start = index
