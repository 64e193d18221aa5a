"""One saga as the screen knows it: its checkpoints, and the ones read so far with their state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import CorruptEntryError, SagaNotFoundError
from sagaz_core.model import CheckpointSummary, RunInfo, SagaSummary
from sagaz_tui.debugger.checkpoints import Checkpoints, bounds_of
from sagaz_tui.debugger.moment import Moment
from sagaz_tui.debugger.moment_reader import MomentReader
from sagaz_tui.debugger.outline import Outline
from sagaz_tui.replaying.start import Start, start_near, start_of

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_PAGE: Final = 1_000
_MARKS: Final = 4_000
_FIRST_STRETCH: Final = 64
_LONGER: Final = 8


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
        self._moments = MomentReader(storage, saga_id)

    # -- what is there

    async def refresh(self) -> bool:
        """Read what is new; return whether anything is.

        Of a long saga only the last checkpoints are read at first, back to the failure of one
        that failed; :meth:`read_earlier` goes on from there.

        Raises:
            SagaNotFoundError: the saga is not there, or not yet.
            StorageError: the store cannot be read now.
        """
        try:
            saga = await self._storage.get_existing_saga(self.saga_id)
        except SagaNotFoundError:
            self._forget()
            raise
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
        self.view = None
        self._moments.forget()

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

    # -- checkpoints with their states

    def known(self, sequence: int) -> Moment | None:
        """Return a checkpoint if it has been read already."""
        return self._moments.known(sequence)

    async def moment(self, sequence: int) -> Moment:
        """Read a checkpoint, or give it if it has been read already."""
        return await self._moments.read(self._outline, sequence)

    def unread_near(self, sequence: int, direction: int) -> list[int]:
        """Return neighbours of a checkpoint worth reading, in the direction of travel first."""
        outline = self._outline
        return [] if outline is None else self._moments.unread_near(outline, sequence, direction)

    @property
    def _outline(self) -> Outline | None:
        return None if self.view is None else self.view.checkpoints.outline

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
