"""Stopping a batch by a signal: the first lets what is under way finish, the second cancels it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from sagaz_core.replay.batch import BatchReplay
from sagaz_tui.cli.progress import tell
from sagaz_tui.cli.stopping import at_signals

_T = TypeVar("_T")


async def until_stopped(batch: BatchReplay, work: Awaitable[_T]) -> _T | None:
    """Return what the work of a batch gives; None: it was cancelled by a second signal.

    SIGINT and SIGTERM stop it. A terminal that hangs up (SIGHUP) stops nothing.
    """
    running = asyncio.ensure_future(work)
    stop = _Stop(batch, running)
    try:
        with at_signals(stop):
            return await running
    except asyncio.CancelledError:
        if not stop.cancelled:
            raise
        return None


class _Stop:
    def __init__(self, batch: BatchReplay, running: asyncio.Future[_T]) -> None:
        self._batch = batch
        self._running = running
        self._asked = False
        self.cancelled = False

    def __call__(self) -> None:
        if not self._asked:
            self._asked = True
            tell("stopping when those under way have ended; again: cancel them, and they undo")
            self._batch.stop()
        elif not self.cancelled:
            self.cancelled = True
            tell("cancelling: the steps under way are cancelled, and what was done is undone")
            self._running.cancel()
        else:
            tell("still undoing; killing this process would leave the steps under way in doubt")
