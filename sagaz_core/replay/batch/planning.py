"""What a batch would do: each saga's plan, or its rehearsal; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from sagaz_core.errors import CorruptEntryError, SagaNotFoundError, SagazError, StorageError
from sagaz_core.model import ReplayResult
from sagaz_core.replay.batch.code import BatchFactory, factory_of
from sagaz_core.replay.batch.items import (
    BatchEvent,
    BatchItem,
    BatchPreview,
    BatchReport,
    State,
)
from sagaz_core.replay.batch.options import BatchOptions
from sagaz_core.replay.batch.pool import at_once
from sagaz_core.replay.batch.progress import Progress
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage

_SAMPLES: Final = 10

GONE: Final = "it is not there any more"


class BatchPlanner:
    """Plans or rehearses the sagas of a batch.

    Args:
        storage: where they are.
        items: the sagas.
        options: how they would be replayed.
        factory: where their code comes from.
    """

    def __init__(
        self,
        storage: SnapshotStorage,
        items: Sequence[BatchItem],
        options: BatchOptions,
        factory: BatchFactory,
    ) -> None:
        self._storage = storage
        self._items = items
        self._options = options
        self._factory = factory

    async def report(
        self,
        *,
        simulate: bool,
        concurrency: int,
        on_event: Callable[[BatchEvent], None] | None = None,
    ) -> BatchReport:
        """Plan or rehearse them all.

        Raises:
            StorageError: the store failed.
        """
        progress = Progress(list(self._items), on_event=on_event)
        progress.tell("batch_started")

        async def one(at: int) -> None:
            progress.tell("item_started", at)
            await self._one(progress, at, simulate)
            progress.tell("item_ended", at)

        await at_once(range(len(self._items)), one, concurrency)
        counts = progress.counts()
        fine = counts["succeeded"] if simulate else counts["planned"]
        progress.tell("batch_ended")
        return progress.report("valid" if fine == len(self._items) else "invalid")

    async def _one(self, progress: Progress, at: int, simulate: bool) -> None:
        item = progress.items[at]
        if item.from_step is None:
            progress.change(at, "skipped")
            return
        replay = SagaReplay(
            item.saga_id,
            self._storage,
            saga_factory=factory_of(self._factory, item.saga_name),
        )
        try:
            result = await replay.from_checkpoint(
                item.from_step,
                **self._options.arguments(item.saga_id),
                dry_run=not simulate,
                simulate=simulate,
            )
        except SagaNotFoundError:
            progress.change(at, "skipped", reason=GONE)
        except CorruptEntryError as error:
            progress.change(at, "skipped", reason=str(error))
        except StorageError:
            raise
        except SagazError as error:
            progress.change(at, "skipped", reason=str(error))
        else:
            _take_in(progress, at, result)


def preview_of(report: BatchReport) -> BatchPreview:
    """Return a dry run's report as a preview."""
    runs = [item for item in report.items if item.state == "planned"]
    return BatchPreview(
        count=report.total,
        runs=len(runs),
        samples=tuple(runs[:_SAMPLES]),
        skipped=tuple(item for item in report.items if item.state != "planned"),
        by_step=Counter(item.from_step or "" for item in runs),
    )


def _take_in(progress: Progress, at: int, result: ReplayResult) -> None:
    if result.status == "invalid":
        state: State = "in_doubt" if result.in_doubt else "skipped"
        progress.change(at, state, plan=result.plan, reason=result.error_message)
    elif result.status == "valid":
        progress.change(at, "planned", plan=result.plan)
    elif result.status == "success":
        progress.change(at, "succeeded")
    elif result.status == "failed":
        progress.change(at, "failed", error=result.error_message)
    else:
        progress.change(at, "skipped", reason=result.error_message)
