"""One saga as the screen knows it: its checkpoints, and the ones read so far with their state."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from jsonpointer import unescape

from sagaz_core.errors import CorruptEntryError, SagaNotFoundError, SnapshotNotFoundError
from sagaz_core.history.diff import diff
from sagaz_core.model import (
    CheckpointSummary,
    Difference,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
)
from sagaz_tui.checkpoints import Checkpoints, bounds_of
from sagaz_tui.replay_start import Start, start_near, start_of

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_KEPT: Final = 100_000
_HEAVY: Final = 20_000
_AHEAD: Final = 6
_PAGE: Final = 1_000
_MARKS: Final = 4_000
_FIRST_STRETCH: Final = 64
_LONGER: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One checkpoint, read: its state and what it changed.

    ``snapshot`` is None where the stored checkpoint cannot be decoded; ``problem`` says why. Its
    lists of steps are left out.
    """

    sequence: int
    snapshot: SagaSnapshot | None
    before: int | None
    """The number of the checkpoint before it; None: it is the first."""
    changes: tuple[Difference, ...] = ()
    problem: str = ""
    weight: int = 1
    """How much there is to keep: values, and characters by the hundred."""
    set_at: Mapping[str, int] = field(default_factory=dict)
    """Each key that was set by then, to the checkpoint that set it last."""
    causes: Mapping[str, str | None] = field(default_factory=dict)
    """The keys that changed since the checkpoint before, and by which step each."""


@dataclass(frozen=True, slots=True, eq=False)
class SagaView:
    """What is known of a saga without reading a context."""

    saga: SagaSummary
    checkpoints: Checkpoints
    run: RunInfo = field(default_factory=RunInfo)
    last: CheckpointSummary | None = None
    """The last checkpoint; None: there is none."""
    failure: CheckpointSummary | None = None
    """The latest failed step."""
    start: Start | None = None
    """Where a replay begins: at the step that failed, or at which the run was interrupted.

    None: there is none, or in a long history none has been found yet.
    """


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
        self._spare: SagaSnapshot | None = None
        """The state before the moment read last."""

    # -- what is there

    async def refresh(self) -> bool:
        """Read what is new; return whether anything is.

        Of a long saga only the last checkpoints are read at first, back to the failure of one
        that failed; :meth:`read_earlier` goes on from there.

        Raises:
            SagaNotFoundError: the saga is not there, or not yet.
            StorageError: the store cannot be read now.
        """
        saga = await self._storage.get_saga(self.saga_id)
        if saga is None:
            self._forget()
            raise SagaNotFoundError(self.saga_id)
        if self.view is not None and _began_anew(self.view.saga, saga):
            self._forget()
        known = self.view
        if known is not None and known.saga == saga:
            return False
        if known is None or not len(known.checkpoints):
            run = await self._run(saga)
            view = SagaView(saga, await self._begin(saga, run), run)
        else:
            view = replace(known, saga=saga)
            await self._read_on(view.checkpoints)
        self.view = await self._with_ends(view)
        return True

    def _forget(self) -> None:
        """Forget what was read: the store has lost it, or it was removed."""
        self.view, self._spare = None, None
        self._moments.clear()

    async def _run(self, saga: SagaSummary) -> RunInfo:
        try:
            return await self._storage.get_run(self.saga_id) if saga.checkpoints else RunInfo()
        except CorruptEntryError:
            # It describes the steps; the checkpoints can be looked at without.
            return RunInfo()

    async def _begin(self, saga: SagaSummary, run: RunInfo) -> Checkpoints:
        checkpoints = Checkpoints(run.steps)
        outline = checkpoints.outline
        outline.begin(saga.checkpoints)
        failed = saga.status in ("failed", "compensating")
        while outline.first_read > 1:
            await self._read_before(checkpoints, run, _PAGE)
            if len(checkpoints) > outline.first_read - 1 and not (
                failed and outline.latest_failed_step is None
            ):
                break
        for first in await self._storage.list_checkpoints(self.saga_id, limit=1):
            checkpoints.first = first
        return checkpoints

    async def _read_before(self, checkpoints: Checkpoints, run: RunInfo, limit: int) -> None:
        last = checkpoints.outline.first_read - 1
        first = max(last - limit + 1, 1)
        if not any(step.depends_on for step in run.steps):
            # One step after another: no branches that could be in conflict.
            marks = await self._storage.list_marks(self.saga_id, first, last)
            checkpoints.read_before(first, marks)
            return
        first = max(last - _PAGE + 1, 1)
        rows = await self._storage.list_checkpoints(self.saga_id, after=first - 1, until=last)
        checkpoints.read_rows_before(first, rows)

    async def read_earlier(self) -> AsyncIterator[None]:
        """Read the kinds of all checkpoints not read yet, pausing after each stretch.

        Raises:
            StorageError: the store cannot be read now; what was read stays.
        """
        while self.view is not None and self.view.checkpoints.outline.first_read > 1:
            await self._read_before(self.view.checkpoints, self.view.run, _MARKS)
            yield
        if self.view is not None:
            found = await self._with_ends(self.view)
            self.view = replace(self.view, failure=found.failure, start=found.start)

    async def _read_on(self, checkpoints: Checkpoints) -> None:
        while True:
            after = checkpoints.outline.head
            page = await self._storage.list_checkpoints(self.saga_id, after=after, limit=_PAGE)
            checkpoints.read_on(page)
            if len(page) < _PAGE:
                return

    async def _with_ends(self, view: SagaView) -> SagaView:
        """Read the last checkpoint, the latest failure, and where a replay would begin."""
        last = await self._row(view.checkpoints, view.checkpoints.last_number)
        failure, start = view.failure, view.start
        number = view.checkpoints.outline.latest_failed_step
        # Steps that were under way when one failed may have ended since, which moves it on.
        moves = self.view is not None and self.view.saga.status == "executing"
        known = failure is not None and failure.sequence == number and start is not None
        if number is not None and (not known or moves):
            failure, start = await self._row(view.checkpoints, number), None
            if failure is not None and failure.step_name is not None:
                whole = view.checkpoints.outline.first_read <= 1
                start = await start_of(
                    self._storage, self.saga_id, failure.step_name, number, thorough=whole
                )
        if failure is None and last is not None:
            interrupted = view.saga.status == "interrupted"
            start = await self.start_near(last.sequence) if interrupted else None
        return replace(view, last=last, failure=failure, start=start)

    async def start_near(self, sequence: int) -> Start | None:
        """Return where a replay begins at the latest step begun not after a checkpoint."""
        return await start_near(self._storage, self.saga_id, sequence)

    # -- rows

    def rows_are_known(self, sequence: int) -> bool:
        """Whether a checkpoint and its neighbours are in memory, without their contexts."""
        return self.view is not None and not self.view.checkpoints.pages_near(sequence)

    async def read_rows(self, sequence: int) -> None:
        """Read a checkpoint and its neighbours, without their contexts."""
        if self.view is not None:
            await self._row(self.view.checkpoints, sequence)

    async def _row(self, checkpoints: Checkpoints, sequence: int) -> CheckpointSummary | None:
        for page in checkpoints.pages_near(sequence):
            await self._read_page(checkpoints, page)
        return checkpoints.by_number(sequence)

    async def _read_page(self, checkpoints: Checkpoints, page: int) -> None:
        first, last = bounds_of(page)
        head = 0
        # What came meanwhile belongs to the page too.
        while head < min(last, checkpoints.outline.head):
            head = checkpoints.outline.head
            rows = await self._storage.list_checkpoints(
                self.saga_id, after=first - 1, until=min(last, head)
            )
            checkpoints.keep(page, rows)

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
        outline = self.view.checkpoints.outline
        place = outline.place_of(sequence)
        ahead = [place + direction * step for step in range(1, _AHEAD + 1)]
        near = [each for each in (*ahead, place - direction) if 0 <= each < len(outline)]
        numbers = [outline.number_at(each) for each in near]
        return [number for number in numbers if number not in self._moments]

    async def _read(self, sequence: int) -> Moment:
        before = await self._number_before(sequence)
        moment = await self._with_touches(await self._compare(before, sequence))
        self._moments[sequence] = moment
        kept = sum(each.weight for each in self._moments.values())
        while kept > _KEPT and len(self._moments) > 1:
            _, oldest = self._moments.popitem(last=False)
            kept -= oldest.weight
        return moment

    async def _number_before(self, sequence: int) -> int | None:
        if self.view is None:
            return None
        outline = self.view.checkpoints.outline
        if outline.first_read < sequence:
            place = outline.place_of(sequence)
            return outline.number_at(place - 1) if place > 0 else None
        found = await self._storage.list_checkpoints(
            self.saga_id, until=sequence - 1, reverse=True, limit=1
        )
        return found[0].sequence if found else None

    async def _compare(self, before: int | None, sequence: int) -> Moment:
        try:
            snapshot = await self._state(sequence)
        except (CorruptEntryError, SnapshotNotFoundError) as error:
            return Moment(sequence, None, before, problem=str(error))
        if before is None:
            state = snapshot.state
            changes, weight = await asyncio.to_thread(_compare, {}, state, state)
            return Moment(sequence, snapshot, None, changes, weight=weight)
        try:
            earlier = await self._state(before)
        except (CorruptEntryError, SnapshotNotFoundError) as error:
            return Moment(sequence, snapshot, before, problem=f"#{before}: {error}")
        touches = await self._storage.list_changes(self.saga_id, first=before + 1, last=sequence)
        states = earlier.state, snapshot.state
        changes, weight = await asyncio.to_thread(
            _compare, *states, {touch.key for touch in touches}
        )
        if before in self._moments:
            snapshot = _sharing(snapshot, earlier, changes)
        else:
            # Going backward it is wanted next, and then the one before it is compared with it.
            self._spare = _sharing(earlier, snapshot, changes)
        return Moment(sequence, snapshot, before, changes, weight=weight)

    async def _state(self, sequence: int) -> SagaSnapshot:
        known = self._moments.get(sequence)
        if known is not None and known.snapshot is not None:
            return known.snapshot
        if self._spare is not None and self._spare.sequence == sequence:
            return self._spare
        # No pane shows how the steps went that ended since the checkpoint before: the row does.
        snapshot = await self._storage.masked.get_checkpoint(self.saga_id, sequence, steps=False)
        return replace(snapshot, step_records=())

    # -- touches

    async def _with_touches(self, moment: Moment) -> Moment:
        """Read who set each key of a checkpoint, and which ones it changed."""
        if moment.snapshot is None:
            return moment
        gone = [change.path for change in moment.changes if change.kind == "removed"]
        keys = [*moment.snapshot.state, *(unescape(path[1:]) for path in gone if _is_top(path))]
        touches = await self._storage.list_latest_changes(self.saga_id, keys, moment.sequence)
        return replace(
            moment,
            set_at={touch.key: touch.sequence for touch in touches},
            causes={
                touch.key: touch.step_name
                for touch in touches
                if touch.sequence > (moment.before or 0)
            },
        )

    async def next_change(self, key: str, sequence: int, direction: int) -> int | None:
        """Return the checkpoint nearest in a direction that changed a key."""
        if direction < 0:
            found = await self._storage.list_changes(
                self.saga_id, key=key, last=sequence - 1, limit=1
            )
            return found[0].sequence if found else None
        # The newest come first: what lies ahead is asked for in stretches that grow.
        first, length = sequence + 1, _FIRST_STRETCH
        head = self.view.checkpoints.outline.head if self.view else 0
        while first <= head:
            last = first + length - 1
            found = await self._storage.list_changes(self.saga_id, key=key, first=first, last=last)
            if found:
                return found[-1].sequence
            first, length = last + 1, length * _LONGER
        return None


def _began_anew(before: SagaSummary, now: SagaSummary) -> bool:
    """Whether what is recorded under an id is another history than it was."""
    return before.started_at != now.started_at or before.checkpoints > now.checkpoints


def _sharing(
    snapshot: SagaSnapshot, neighbour: SagaSnapshot, changes: Iterable[Difference]
) -> SagaSnapshot:
    """Return a snapshot with its neighbour's own values wherever the two do not differ."""
    changed = {unescape(change.path.split("/", 2)[1]) for change in changes}
    context, results = (
        {key: value if key in changed else other.get(key, value) for key, value in own.items()}
        for own, other in (
            (snapshot.context, neighbour.context),
            (snapshot.results, neighbour.results),
        )
    )
    return replace(snapshot, context=context, results=results)


def _is_top(path: str) -> bool:
    return path.count("/") == 1


def changes_among(
    before: Mapping[str, Any], after: Mapping[str, Any], keys: Container[str]
) -> tuple[Difference, ...]:
    """Return how two states differ, given the keys that were set or removed between them.

    The others are equal, and may be large: they are not looked at.
    """
    old, new = (
        {key: value for key, value in state.items() if key in keys} for state in (before, after)
    )
    return tuple(diff(old, new))


def set_since(earlier: Moment, later: Moment) -> set[str]:
    """Return the keys that were set after one checkpoint and up to a later one, or removed."""
    if earlier.snapshot is None or later.snapshot is None:
        return set()
    state = later.snapshot.state
    return {
        *(key for key in state if later.set_at.get(key, later.sequence) > earlier.sequence),
        *(key for key in earlier.snapshot.state if key not in state),
    }


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], keys: Container[str]
) -> tuple[tuple[Difference, ...], int]:
    return changes_among(before, after, keys), _weigh(after)


def _weigh(state: Any) -> int:
    """Count values and characters, no further than it takes to know that there are many."""
    weight, waiting = 1, [state]
    while waiting and weight < _HEAVY:
        value = waiting.pop()
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            weight += len(value)
            # Of a container that is heavy by itself nothing more needs to be counted.
            if weight < _HEAVY:
                waiting += value.values() if isinstance(value, dict) else value
        elif isinstance(value, (str, bytes)):
            weight += len(value) // 100
    return min(weight, _HEAVY)
