"""Where a replay begins: the step, and the newest checkpoint from which it can run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import CorruptEntryError, SagaNotFoundError
from sagaz_core.model import FORWARD_KINDS, Kind, StepInfo

if TYPE_CHECKING:
    from sagaz_core.storage.backends.rows import MarkRow
    from sagaz_core.storage.storage import SnapshotStorage

_PAGE: Final = 1_000
_LABELLED_READ: Final = 50
"""Checkpoints taken by hand that are read to know what is complete there."""
_BACKWARD: Final[frozenset[Kind]] = frozenset(
    {"before_compensation", "after_compensation", "compensation_failed", "completed", "failed"}
)
"""From the first of these on, a saga no longer goes forward."""

NO_START: Final = (
    "no step can start: no checkpoint of the way forward was recorded; let the saga record before "
    "each step from now on"
)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay begins: a step, and the checkpoint from which it can run."""

    step: str
    sequence: int


async def start_near(storage: SnapshotStorage, saga_id: str, sequence: int) -> Start | None:
    """Return the start at the latest step begun not after a checkpoint.

    Where only ends are recorded, that is the last start there is by then.
    """
    async for mark in _backward(storage, saga_id, sequence):
        if mark.kind == "before_step" and mark.step is not None:
            return await _newest(storage, saga_id, Start(mark.step, mark.seq))
    starts = await starts_of(storage, saga_id)
    return next((start for start in reversed(starts) if start.sequence <= sequence), None)


async def start_of(
    storage: SnapshotStorage, saga_id: str, step: str, until: int, *, thorough: bool = True
) -> Start | None:
    """Return the start at a step that failed at checkpoint ``until``.

    Where the step's beginning was not recorded, a search for it goes through the whole history;
    unless it is to be ``thorough`` it is given up early.
    """
    end: int | None = None
    async for mark in _backward(storage, saga_id, until - 1):
        if not thorough and mark.seq <= until - _PAGE:
            return None
        if mark.kind == "before_step" and mark.step == step:
            return await _newest(storage, saga_id, Start(step, mark.seq))
        if end is None and mark.kind in FORWARD_KINDS:
            end = mark.seq
    return None if end is None else await _newest(storage, saga_id, Start(step, end))


async def _newest(storage: SnapshotStorage, saga_id: str, start: Start) -> Start:
    """Return a start at the last checkpoint, going forward, at which its step is not complete."""
    in_order = _in_order(await _steps(storage, saga_id))
    newest = start.sequence
    async for mark in _forward(storage, saga_id, newest + 1):
        if mark.kind == "after_step" and mark.step == start.step:
            break
        if mark.kind == "before_step" and in_order:
            break
        newest = mark.seq
    return Start(start.step, newest)


async def starts_of(storage: SnapshotStorage, saga_id: str) -> list[Start]:
    """Return the newest start at each step that has one, in order."""
    steps = await _steps(storage, saga_id)
    in_order = _in_order(steps)
    starts: dict[str, int] = {}
    begun: str | None = None
    last: MarkRow | None = None
    labelled: list[int] = []
    async for mark in _forward(storage, saga_id, 1):
        ended = mark.step if mark.kind == "after_step" else None
        if mark.kind == "before_step" and in_order:
            # One begins once the one before it is complete.
            ended, begun = begun, mark.step
        if ended is not None and last is not None:
            starts[ended] = last.seq
            begun = None if ended == begun else begun
        if mark.kind == "manual":
            labelled.append(mark.seq)
        last = mark
    # What is complete at a checkpoint that belongs to no step is known by reading it.
    unknown = labelled[-_LABELLED_READ:] if not starts else []
    for sequence in reversed([*unknown, *([last.seq] if last else [])]):
        for step in await _startable(storage, saga_id, steps, sequence):
            starts.setdefault(step, sequence)
    if begun is not None and last is not None:
        # Where it is not recorded which steps there are, the last one that was begun is known.
        starts.setdefault(begun, last.seq)
    return sorted((Start(*each) for each in starts.items()), key=lambda start: start.sequence)


async def _startable(
    storage: SnapshotStorage, saga_id: str, steps: Sequence[StepInfo], sequence: int
) -> list[str]:
    """Return the steps that are not complete at a checkpoint, but all that they need is."""
    snapshot = await storage.masked.get_checkpoint(saga_id, sequence)
    if snapshot.status not in ("executing", "interrupted"):
        return []
    done = set(snapshot.completed_steps)
    waiting = [step for step in steps if step.name not in done]
    if _in_order(steps):
        return [step.name for step in waiting[:1]]
    return [step.name for step in waiting if done.issuperset(step.depends_on or ())]


def _in_order(steps: Sequence[StepInfo]) -> bool:
    return all(step.depends_on is None for step in steps)


async def _steps(storage: SnapshotStorage, saga_id: str) -> Sequence[StepInfo]:
    try:
        return (await storage.get_run(saga_id)).steps
    except (CorruptEntryError, SagaNotFoundError):
        # That they ran one after another is the likeliest.
        return ()


async def _length(storage: SnapshotStorage, saga_id: str) -> int:
    saga = await storage.get_saga(saga_id)
    return saga.checkpoints if saga else 0


async def _backward(
    storage: SnapshotStorage, saga_id: str, sequence: int
) -> AsyncIterator[MarkRow]:
    last = sequence
    while last >= 1:
        first = max(last - _PAGE + 1, 1)
        for mark in reversed(await storage.list_marks(saga_id, first, last)):
            yield mark
        last = first - 1


async def _forward(storage: SnapshotStorage, saga_id: str, first: int) -> AsyncIterator[MarkRow]:
    """Give the checkpoints of the way forward from one on, as far as the saga goes forward."""
    length = await _length(storage, saga_id)
    while first <= length:
        for mark in await storage.list_marks(saga_id, first, first + _PAGE - 1):
            if mark.kind in _BACKWARD:
                return
            if mark.kind in FORWARD_KINDS:
                yield mark
        first += _PAGE
