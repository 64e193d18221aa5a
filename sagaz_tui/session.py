"""One saga as the screen knows it: its checkpoints, the ones read so far, and who set what."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sagaz_core.errors import CorruptEntryError, SagaNotFoundError, SnapshotNotFoundError
from sagaz_core.history.diff import diff
from sagaz_core.model import (
    CheckpointSummary,
    Difference,
    KeyTouch,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
)

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_KEPT: Final = 100_000
_HEAVY: Final = 20_000
_AHEAD: Final = 6
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One checkpoint, read: its state and what it changed.

    ``snapshot`` is None where the stored checkpoint cannot be decoded; ``problem`` says why.
    """

    sequence: int
    snapshot: SagaSnapshot | None
    before: int | None
    """The number of the checkpoint before it; None: it is the first."""
    changes: tuple[Difference, ...] = ()
    problem: str = ""
    weight: int = 1
    """How much there is to keep: values, and characters by the hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class SagaView:
    """What is known of a saga without reading a context."""

    saga: SagaSummary
    checkpoints: tuple[CheckpointSummary, ...]
    run: RunInfo = field(default_factory=RunInfo)

    def index_of(self, sequence: int) -> int:
        """Return the index of a checkpoint, or of the nearest one before it."""
        return max(bisect_right(self.checkpoints, sequence, key=attrgetter("sequence")) - 1, 0)

    @property
    def failure(self) -> CheckpointSummary | None:
        """The latest failed step."""
        for checkpoint in reversed(self.checkpoints):
            if checkpoint.kind == "step_failed":
                return checkpoint
        return None


class SagaSession:
    """Reads one saga and keeps what it has read. It never writes.

    Args:
        storage: where the saga is.
        saga_id: which.
    """

    def __init__(self, storage: SnapshotStorage, saga_id: str) -> None:
        self._storage = storage
        self.saga_id = saga_id
        self.view: SagaView | None = None
        self._moments: OrderedDict[int, Moment] = OrderedDict()
        self._touches: dict[str, list[int]] = defaultdict(list)
        self._causes: dict[int, dict[str, str | None]] = defaultdict(dict)
        self._touched_until = 0

    # -- what is there

    async def refresh(self) -> bool:
        """Read what is new; return whether anything is.

        Raises:
            SagaNotFoundError: the saga is not there, or not yet.
            StorageError: the store cannot be read now.
        """
        saga = await self._storage.get_saga(self.saga_id)
        if saga is None:
            raise SagaNotFoundError(self.saga_id)
        known = self.view
        if known is not None and known.saga == saga:
            return False
        run = known.run if known and known.run.steps else await self._run(saga)
        checkpoints = await self._read_on(known.checkpoints if known else ())
        self.view = SagaView(saga, checkpoints, run)
        return True

    async def _run(self, saga: SagaSummary) -> RunInfo:
        try:
            return await self._storage.get_run(self.saga_id) if saga.checkpoints else RunInfo()
        except CorruptEntryError:
            # It describes the steps; the checkpoints can be looked at without.
            return RunInfo()

    async def _read_on(self, known: tuple[CheckpointSummary, ...]) -> tuple[CheckpointSummary, ...]:
        found: list[CheckpointSummary] = []
        after = known[-1].sequence if known else 0
        while True:
            page = await self._storage.list_checkpoints(self.saga_id, after=after, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return (*known, *found) if found else known
            after = page[-1].sequence

    # -- checkpoints

    def known(self, sequence: int) -> Moment | None:
        """Return a checkpoint if it has been read already."""
        moment = self._moments.get(sequence)
        if moment is not None:
            self._moments.move_to_end(sequence)
        return moment

    async def moment(self, sequence: int) -> Moment:
        """Read a checkpoint, or give it if it has been read already."""
        found = self.known(sequence)
        return found if found is not None else await self._read(sequence)

    def unread_near(self, sequence: int, direction: int) -> list[int]:
        """Return neighbours of a checkpoint worth reading, in the direction of travel first.

        None of a heavy one: they would cost the time that reading ahead is to save.
        """
        here = self._moments.get(sequence)
        if self.view is None or here is None or here.weight >= _HEAVY:
            return []
        checkpoints, index = self.view.checkpoints, self.view.index_of(sequence)
        ahead = [index + direction * step for step in range(1, _AHEAD + 1)]
        near = [each for each in (*ahead, index - direction) if 0 <= each < len(checkpoints)]
        numbers = [checkpoints[each].sequence for each in near]
        return [number for number in numbers if number not in self._moments]

    async def _read(self, sequence: int) -> Moment:
        before = self._number_before(sequence)
        moment = await self._compare(before, sequence)
        self._moments[sequence] = moment
        kept = sum(each.weight for each in self._moments.values())
        while kept > _KEPT and len(self._moments) > 1:
            _, oldest = self._moments.popitem(last=False)
            kept -= oldest.weight
        return moment

    def _number_before(self, sequence: int) -> int | None:
        if self.view is None:
            return None
        index = self.view.index_of(sequence)
        return self.view.checkpoints[index - 1].sequence if index > 0 else None

    async def _compare(self, before: int | None, sequence: int) -> Moment:
        try:
            snapshot = await self._storage.get_checkpoint(self.saga_id, sequence)
        except (CorruptEntryError, SnapshotNotFoundError) as error:
            return Moment(sequence, None, before, problem=str(error))
        if before is None:
            changes, weight = await asyncio.to_thread(_compare, {}, snapshot.state)
            return Moment(sequence, snapshot, None, changes, weight=weight)
        known = self._moments.get(before)
        try:
            earlier = known.snapshot if known else None
            earlier = earlier or await self._storage.get_checkpoint(self.saga_id, before)
        except (CorruptEntryError, SnapshotNotFoundError) as error:
            return Moment(sequence, snapshot, before, problem=f"#{before}: {error}")
        changes, weight = await asyncio.to_thread(_compare, earlier.state, snapshot.state)
        return Moment(sequence, snapshot, before, changes, weight=weight)

    # -- touches

    async def read_touches(self) -> bool:
        """Read which keys changed since this was last called; return whether any did."""
        head = self.view.checkpoints[-1].sequence if self.view and self.view.checkpoints else 0
        if head <= self._touched_until:
            return False
        touches = await self._storage.list_changes(
            self.saga_id, first=self._touched_until + 1, last=head
        )
        self._touched_until = head
        for touch in reversed(touches):
            self._note(touch)
        return bool(touches)

    def _note(self, touch: KeyTouch) -> None:
        self._touches[touch.key].append(touch.sequence)
        self._causes[touch.sequence][touch.key] = touch.step_name

    def causes(self, sequence: int) -> Mapping[str, str | None]:
        """Return the keys that a checkpoint changed, and by which step each."""
        return self._causes.get(sequence, {})

    def set_at(self, sequence: int) -> dict[str, int]:
        """Return each key that was set by then, to the checkpoint that set it last."""
        found = {}
        for key, numbers in self._touches.items():
            index = bisect_right(numbers, sequence)
            if index:
                found[key] = numbers[index - 1]
        return found

    def next_change(self, key: str, sequence: int, direction: int) -> int | None:
        """Return the checkpoint nearest in a direction that changed a key."""
        numbers = self._touches.get(key, [])
        index = (
            bisect_right(numbers, sequence) if direction > 0 else bisect_left(numbers, sequence) - 1
        )
        return numbers[index] if 0 <= index < len(numbers) else None


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[tuple[Difference, ...], int]:
    return tuple(diff(before, after)), _weigh(after)


def _weigh(state: Any) -> int:
    """Count values and characters, no further than it takes to know that there are many."""
    weight, waiting = 0, [state]
    while waiting and weight < _HEAVY:
        value = waiting.pop()
        weight += 1
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += value
        elif isinstance(value, (str, bytes)):
            weight += len(value) // 100
    return weight
