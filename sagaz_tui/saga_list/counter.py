"""Counts sagas for the list in the background, as often as the store can well bear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import StorageError
from sagaz_tui.saga_list.feed import Counts, SagaFeed
from sagaz_tui.saga_list.outage import failures_by_minute

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_SHARE: Final = 30
"""Counting may take one part in so many of the time."""


class SagaCounter:
    """Counts once it is told that something has changed; if that takes long then more rarely.

    Args:
        storage: where the sagas are.
        clock: tells the time that failures are counted back from.
        changed: called when there are other counts.
    """

    def __init__(
        self,
        storage: SnapshotStorage,
        clock: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        self.feed: SagaFeed | None = None
        """What is counted; None: only failures by time are."""
        self.counts: Counts | None = None
        """The counts made last."""
        self.failures: tuple[int, ...] = ()
        """How many sagas failed in each of the last minutes; empty: not known yet."""
        self._storage = storage
        self._clock = clock
        self._changed = changed
        self._due = asyncio.Event()

    def want(self) -> None:
        """Count as soon as may be."""
        self._due.set()

    async def run(self) -> None:
        """Go on until cancelled; what was cut short is made up for by the next run."""
        loop = asyncio.get_running_loop()
        while True:
            await self._due.wait()
            self._due.clear()
            begun = loop.time()
            try:
                await self._count()
            except StorageError:
                # Whoever follows the store says so, and wants it again.
                continue
            except asyncio.CancelledError:
                self._due.set()
                raise
            await asyncio.sleep((loop.time() - begun) * _SHARE)

    async def _count(self) -> None:
        self.failures = await failures_by_minute(self._storage, self._clock())
        self._changed()
        if self.feed is not None:
            self.counts = await self.feed.counts()
            self._changed()
