"""Where a replay begins: the step, and the checkpoint from which it can run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sagaz_core.model import FORWARD_KINDS

if TYPE_CHECKING:
    from sagaz_core.storage.backends.base import MarkRow
    from sagaz_core.storage.storage import SnapshotStorage

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay begins: a step, and the checkpoint from which it can run."""

    step: str
    sequence: int


async def start_near(storage: SnapshotStorage, saga_id: str, sequence: int) -> Start | None:
    """Return the start at the latest step begun not after a checkpoint."""
    async for mark in _backward(storage, saga_id, sequence):
        if mark.kind == "before_step" and mark.step is not None:
            return Start(mark.step, mark.seq)
    return None


async def start_of(storage: SnapshotStorage, saga_id: str, step: str, until: int) -> Start | None:
    """Return the start at a step that failed at checkpoint ``until``.

    That is the checkpoint before the step; where only ends are recorded, the last end before it.
    """
    end: int | None = None
    async for mark in _backward(storage, saga_id, until - 1):
        if mark.kind == "before_step" and mark.step == step:
            return Start(step, mark.seq)
        if end is None and mark.kind in FORWARD_KINDS:
            end = mark.seq
    return None if end is None else Start(step, end)


async def starts_of(storage: SnapshotStorage, saga_id: str) -> list[Start]:
    """Return the newest start at each step whose beginning is recorded, in order."""
    starts: dict[str, Start] = {}
    async for mark in _backward(storage, saga_id, await _length(storage, saga_id)):
        if mark.kind == "before_step" and mark.step is not None:
            starts.setdefault(mark.step, Start(mark.step, mark.seq))
    return list(reversed(starts.values()))


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
