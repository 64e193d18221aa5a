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

    def __init__(self, writer: SagaWriter, term: float, on_lost: Callable[[], None]) -> None:
        """Beat thrice in ``term`` seconds; call ``on_lost`` if the lease is another's."""
        self._writer = writer
        self._term = term
        self._interval = term / 3
        self._on_lost = on_lost
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None
        self._heard = 0.0
        """By the loop's clock, when the store was last asked for what it has granted."""

    def start(self, asked: float) -> None:
        """Begin, the lease being that of a write asked for then; a second call changes nothing."""
        if self._timer is None:
            # A timer is far cheaper than a task, and most runs end before their first beat.
            self._heard = asked
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._begin)

    def stop(self) -> None:
        """Pause until the next start; the lease is left as it is."""
        if self._timer is not None:
            self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
        self._timer = self._beating = None

    async def catch_up(self) -> None:
        """Beat now if the process stood still for so long that the lease may be another's."""
        if self._timer is not None:
            overdue = asyncio.get_running_loop().time() - self._heard - self._term
            if overdue > 0:
                await self._beat()

    def _begin(self) -> None:
        self._beating = asyncio.ensure_future(self._go_on())

    async def _go_on(self) -> None:
        alive = await self._beat()
        while alive:
            await asyncio.sleep(self._interval)
            alive = await self._beat()

    async def _beat(self) -> bool:
        asked = asyncio.get_running_loop().time()
        try:
            alive = await self._writer.beat()
        except StorageError as error:
            # Not known to be lost: the run goes on, and so do the attempts to beat.
            _log.warning("saga %s: the lease was not extended: %s", self._writer.saga_id, error)
            alive = True
        if not alive:
            self._on_lost()
        self._heard = asked
        return alive
