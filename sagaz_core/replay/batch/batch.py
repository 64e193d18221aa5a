"""A batch: many sagas selected, previewed, replayed, and told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from sagaz_core.errors import ReadOnlyStoreError, UsageError
from sagaz_core.process import process_owner
from sagaz_core.replay.batch.alive import shown_alive
from sagaz_core.replay.batch.code import BatchFactory, read_code
from sagaz_core.replay.batch.failures import SharedFailures
from sagaz_core.replay.batch.halt import Halt
from sagaz_core.replay.batch.items import BatchEvent, BatchPreview, BatchReport
from sagaz_core.replay.batch.journal import (
    BatchJournal,
    begin_journal,
    check_code,
    end_journal,
    read_journal,
)
from sagaz_core.replay.batch.options import BatchOptions
from sagaz_core.replay.batch.pace import Pace
from sagaz_core.replay.batch.planning import BatchPlanner, preview_of
from sagaz_core.replay.batch.progress import Progress
from sagaz_core.replay.batch.selection import FAILED, BatchSelection, select
from sagaz_core.replay.batch.worker import BatchWorker
from sagaz_core.replay.overrides import Override
from sagaz_core.storage.storage import SnapshotStorage

OnEvent = Callable[[BatchEvent], None]


class BatchReplay:
    """Replays many sagas, each from its failed step unless another is given.

    Args:
        snapshot_storage: where they were recorded, and where their replays and the batch's
            journal are.
        selection: which ones; by default all that failed.
        from_step: the step at which all start; None: each at the one that failed.
        context_override, override_at, overrides, unset, allow_type, compensated, in_doubt, again:
            for all of them, as for :meth:`SagaReplay.from_checkpoint`.
        saga_overrides: more of them, by saga id, applied after those that all have.
        saga_factory: takes the context to start with and returns the saga; or several, by class
            name. None: the recorded classes, if this program has defined them.
        initiated_by: who asks for it, for the replay log; ``user@host`` if None.
        reason: why, for the replay log.

    Attributes:
        batch_id: of the batch that was begun or resumed; None before.
    """

    def __init__(
        self,
        snapshot_storage: SnapshotStorage,
        selection: BatchSelection = FAILED,
        *,
        from_step: str | None = None,
        context_override: Mapping[str, Any] | None = None,
        override_at: Mapping[str, Any] | None = None,
        overrides: Sequence[Override] = (),
        unset: Sequence[str] = (),
        allow_type: Sequence[str] = (),
        saga_overrides: Mapping[str, Sequence[Override]] = {},
        compensated: Literal["redo", "keep", "refuse"] = "redo",
        in_doubt: Literal["retry", "skip"] | None = None,
        again: bool = False,
        saga_factory: BatchFactory = None,
        initiated_by: str | None = None,
        reason: str | None = None,
    ) -> None:
        self.snapshot_storage = snapshot_storage
        self.selection = selection
        self.batch_id: str | None = None
        self._options = BatchOptions(
            from_step=from_step,
            context_override=context_override or {},
            override_at=override_at or {},
            overrides=tuple(overrides),
            unset=tuple(unset),
            allow_type=tuple(allow_type),
            saga_overrides={saga_id: tuple(texts) for saga_id, texts in saga_overrides.items()},
            compensated=compensated,
            in_doubt=in_doubt,
            again=again,
        )
        self._factory = saga_factory
        self._initiated_by = initiated_by or process_owner().rpartition(":")[0]
        self._reason = reason
        self._halt = Halt()

    async def preview(self) -> BatchPreview:
        """Plan every saga that is found, and write nothing.

        Raises:
            SagaNotFoundError: a saga that the selection names is not in the store.
            UsageError: a condition or an override is not what it must be, or is for a saga that
                is not replayed.
        """
        return preview_of(await self.dry_run())

    async def dry_run(
        self, *, concurrency: int = 16, on_event: OnEvent | None = None
    ) -> BatchReport:
        """Plan every saga and run nothing; raises as :meth:`preview`."""
        return await self._planned(False, concurrency, on_event)

    async def simulate(
        self, *, concurrency: int = 16, on_event: OnEvent | None = None
    ) -> BatchReport:
        """Rehearse every saga, without effects; raises as :meth:`preview`."""
        return await self._planned(True, concurrency, on_event)

    async def run(
        self,
        *,
        concurrency: int = 16,
        rate: float | None = None,
        stop_after_failures: int | None = None,
        canary: bool = True,
        on_event: OnEvent | None = None,
    ) -> BatchReport:
        """Replay every saga that is found.

        The journal is written first, and its id is then :attr:`batch_id`. Cancelling this cancels
        what is under way, which compensates; the rest can be resumed.

        Args:
            concurrency: how many replays run at a time.
            rate: how many start a second at most; None: as many as can.
            stop_after_failures: so many failures in the whole batch stop it.
            canary: replay one saga first, and stop if it fails.
            on_event: called with each event, in the event loop.

        Returns:
            The report; ``stopped`` if sagas are left, with why. If none is found, nothing is
            written.

        Raises:
            SagaNotFoundError, UsageError: as :meth:`preview`; nothing has run then.
            ReadOnlyStoreError: the store was opened to look only.
            StorageError: the store failed before anything ran.
        """
        _check(concurrency, rate, stop_after_failures)
        self._check_writable()
        selected = await select(self.snapshot_storage, self.selection, self._options)
        if not selected.items:
            # Nothing can be resumed, so nothing is to be kept.
            return Progress([]).report("completed")
        journal = await begin_journal(
            self.snapshot_storage,
            items=selected.items,
            selection=self.selection,
            options=self._options,
            code=await read_code(self.snapshot_storage, selected.items, self._factory),
            initiated_by=self._initiated_by,
            reason=self._reason,
            expires_at=selected.expires_at,
            stop_after_failures=stop_after_failures,
        )
        return await self._work(journal, False, concurrency, rate, canary, on_event)

    async def resume(
        self,
        batch_id: str,
        *,
        concurrency: int = 16,
        rate: float | None = None,
        stop_after_failures: int | None = None,
        canary: bool = True,
        on_event: OnEvent | None = None,
    ) -> BatchReport:
        """Go on with a batch, or join those who work on it just now.

        Its sagas and overrides are those of its journal. What has ended counts as it ended, and
        what failed is not run again; what was interrupted is continued. Sagas that others
        replay at the end are waited for. The arguments are those of :meth:`run`; without
        ``stop_after_failures`` it is that with which the batch was begun.

        Raises:
            BatchNotFoundError: there is no such batch.
            BatchChangedError: this batch names another selection or other overrides, or the
                sagas' code has changed since.
            ReadOnlyStoreError: the store was opened to look only.
            StorageError: the store failed before anything ran.
        """
        _check(concurrency, rate, stop_after_failures)
        self._check_writable()
        journal = await read_journal(
            self.snapshot_storage, batch_id, self.selection, self._options, stop_after_failures
        )
        code = await read_code(
            self.snapshot_storage,
            journal.items,
            self._factory,
            like=journal.entry.code_made_for,
        )
        check_code(journal.entry, code)
        return await self._work(journal, True, concurrency, rate, canary, on_event)

    def stop(self) -> None:
        """Finish what is under way, and start nothing more. Called in the event loop."""
        self._halt.ask("it was asked to stop")

    # -- inside

    async def _planned(
        self, simulate: bool, concurrency: int, on_event: OnEvent | None
    ) -> BatchReport:
        _check(concurrency, None, None)
        selected = await select(self.snapshot_storage, self.selection, self._options)
        planner = BatchPlanner(self.snapshot_storage, selected.items, self._options, self._factory)
        return await planner.report(simulate=simulate, concurrency=concurrency, on_event=on_event)

    async def _work(
        self,
        journal: BatchJournal,
        resumed: bool,
        concurrency: int,
        rate: float | None,
        canary: bool,
        on_event: OnEvent | None,
    ) -> BatchReport:
        self.batch_id = journal.batch_id
        storage = self.snapshot_storage
        progress = Progress(journal.items, batch_id=journal.batch_id, on_event=on_event)
        worker = BatchWorker(
            storage,
            journal,
            progress,
            self._halt,
            factory=self._factory,
            initiated_by=self._initiated_by,
            pace=None if rate is None else Pace(rate),
            failures=SharedFailures(storage.backend, journal.entry, journal.stop_after_failures),
        )
        async with shown_alive(storage, journal.batch_id):
            if resumed:
                await worker.learn(concurrency)
            progress.tell("batch_started")
            await worker.run(concurrency=concurrency, canary=canary, shared=resumed)
            stopped_because = self._halt.reason if progress.left() else None
            await end_journal(storage, journal.batch_id, progress.counts(), stopped_because)
        progress.tell("batch_ended")
        return progress.report("stopped" if progress.left() else "completed", stopped_because)

    def _check_writable(self) -> None:
        if self.snapshot_storage.read_only:
            raise ReadOnlyStoreError(
                f"{self.snapshot_storage.name} was opened to look only, and a batch writes to it; "
                "open it for writing, or ask for a preview"
            )


def _check(concurrency: int, rate: float | None, stop_after_failures: int | None) -> None:
    if concurrency < 1:
        raise UsageError(f"concurrency is {concurrency}; at least 1 runs at a time")
    if rate is not None and not rate > 0:
        raise UsageError(f"rate is {rate:g}; give how many replays start a second, above 0")
    if stop_after_failures is not None and stop_after_failures < 1:
        raise UsageError(f"stop_after_failures is {stop_after_failures}; give 1 or more, or None")
