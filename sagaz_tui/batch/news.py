"""What the saga list tells of batches: that one runs, whoever began it, or was interrupted."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import SagazError

if TYPE_CHECKING:
    from sagaz_core.replay.batch.standing import BatchStanding
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.batch.journal import JournaledBatch
    from sagaz_tui.batch.run import BatchRun

    Batch = BatchRun | JournaledBatch

_LOOKED_AT: Final = 5
"""The newest batches, among which one that runs is told of first."""
_EVERY: Final = 1.0
_FOR_OTHERS_EVERY: Final = 5.0
"""Seconds between two looks for a batch that nobody has told of here."""


async def list_standings(
    storage: SnapshotStorage, *, limit: int | None = None
) -> list[BatchStanding]:
    """Return how the store's batches stand, newest first, of so many at most.

    Raises:
        StorageError: the store cannot be read now.
    """
    entries = await storage.list_batches(limit=limit)
    if not entries:
        return []
    # It has the engine in it: loaded for whom there is something to see, and beside the screen.
    name = "sagaz_core.replay.batch.standing"
    standing = await asyncio.to_thread(importlib.import_module, name)
    return [await standing.read_standing(storage, entry) for entry in entries]


async def find_batch(storage: SnapshotStorage, standing: BatchStanding) -> Batch:
    """Return a batch to follow: by what its process writes, if that is to be had here."""
    # Imported here: nothing needs them in a store without batches.
    from sagaz_tui.batch.journal import JournaledBatch
    from sagaz_tui.batch.run import runs_under_way

    with suppress(SagazError, OSError):
        for run in await asyncio.to_thread(runs_under_way):
            # A process may have got the number of one that is gone.
            seen = (standing.owner or "").endswith(f":{run.pid}")
            if seen and run.progress.batch_id == standing.entry.batch_id:
                return run
    return JournaledBatch(storage, standing)


class BatchNews:
    """Looks for a batch to tell of, and follows it.

    Args:
        storage: where the batches are.
        show: called when there is something else to tell.
    """

    def __init__(self, storage: SnapshotStorage, show: Callable[[], None]) -> None:
        self.batch: Batch | None = None
        """The batch that is told of."""
        self._storage = storage
        self._show = show
        self._seen: set[str | None] = set()
        self._look_at = 0.0

    async def find(self, batch_id: str) -> Batch | None:
        """Return a batch to follow, the one that is told of if it is that one; None: it is gone.

        Raises:
            StorageError: the store cannot be read now.
        """
        if self.batch is not None and self.batch.progress.batch_id == batch_id:
            return self.batch
        standings = await list_standings(self._storage)
        found = (each for each in standings if each.entry.batch_id == batch_id)
        standing = next(found, None)
        return None if standing is None else await find_batch(self._storage, standing)

    def take(self, batch: Batch) -> None:
        """Tell of this batch, which was begun here."""
        self.batch = batch

    def left(self, batch: Batch) -> None:
        """Tell no more of a batch that is over, as a person has seen it."""
        if batch.over:
            self._seen.add(batch.progress.batch_id)
            if self.batch is None or self.batch.progress.batch_id == batch.progress.batch_id:
                self.batch = None
        self._look_at = 0.0
        self._show()

    @property
    def words(self) -> str:
        """How far it is; empty: there is nothing to tell."""
        if self.batch is None:
            return ""
        progress = self.batch.progress
        if not self.batch.over:
            return f"batch {progress.done:,} of {progress.total:,}"
        if self.batch.state == "interrupted":
            return f"batch interrupted at {progress.done:,} of {progress.total:,}"
        return "batch ended"

    async def run(self) -> None:
        """Keep what is told up to date until this is cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            # That the store is out of reach is told by the list.
            with suppress(SagazError, OSError):
                await self._look()

    async def _look(self) -> None:
        if self.batch is not None and not self.batch.over:
            await self.batch.refresh()
        elif time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _FOR_OTHERS_EVERY
            found = await self._find()
            if found is not None or (self.batch and self.batch.state == "interrupted"):
                self.batch = found
        self._show()

    async def _find(self) -> Batch | None:
        """Return one that runs, else the newest if it was interrupted; None: neither is there."""
        standings = await list_standings(self._storage, limit=_LOOKED_AT)
        for state, some in (("running", standings), ("interrupted", standings[:1])):
            for standing in some:
                seen = state == "interrupted" and standing.entry.batch_id in self._seen
                if standing.state == state and not seen:
                    batch = await find_batch(self._storage, standing)
                    await batch.refresh()
                    return batch
        return None
