"""Keeping a run's lease alive while one of its steps takes long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from sagaz_core.errors import StorageError

if TYPE_CHECKING:
    from sagaz_core.storage.writer import SagaWriter

_log = logging.getLogger("sagaz")


class Heartbeat:
    """Extends a writer's lease at intervals, from :meth:`start` until :meth:`stop`."""

    def __init__(self, writer: SagaWriter, interval: float, on_lost: Callable[[], None]) -> None:
        """Beat every ``interval`` seconds; call ``on_lost`` once if the lease is another's."""
        self._writer = writer
        self._interval = interval
        self._on_lost = on_lost
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; a second call changes nothing."""
        if self._timer is None:
            # A timer is far cheaper than a task, and most runs end before their first beat.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval, self._begin)

    def stop(self) -> None:
        """Pause until the next start; the lease is left as it is."""
        if self._timer is not None:
            self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
        self._timer = self._beating = None

    def _begin(self) -> None:
        self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        while True:
            try:
                alive = await self._writer.beat()
            except StorageError as error:
                # Not known to be lost: the run goes on, and so do the attempts to beat.
                _log.warning("saga %s: the lease was not extended: %s", self._writer.saga_id, error)
            else:
                if not alive:
                    self._on_lost()
                    return
            await asyncio.sleep(self._interval)
