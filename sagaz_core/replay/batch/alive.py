"""The sign that somebody works on a batch: a lease of its own, which lapses with the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from sagaz_core.errors import PlanChangedError, ReplayInProgressError, StorageError
from sagaz_core.process import process_owner
from sagaz_core.saga.recording import LEASE_TERM
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

TERM: Final = LEASE_TERM
"""Seconds after which a batch whose process is gone is known to be interrupted, as its runs are."""


@asynccontextmanager
async def shown_alive(storage: SnapshotStorage, batch_id: str) -> AsyncIterator[None]:
    """Let others see that the batch is worked on, by whom, as long as the body runs.

    Of several who work on it one is seen, and the next once that one has left. It is only a
    sign: a store that refuses it stops nothing.
    """
    first = await _take(storage, batch_id)
    holding = asyncio.ensure_future(_hold(storage, batch_id, first))
    try:
        yield
    finally:
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding


async def _hold(storage: SnapshotStorage, batch_id: str, lease: Lease | None) -> None:
    try:
        while True:
            await asyncio.sleep(TERM / 3)
            if lease is None or not await _beat(lease):
                lease = await _take(storage, batch_id)
    finally:
        if lease is not None:
            with suppress(StorageError):
                await lease.release()


async def _take(storage: SnapshotStorage, batch_id: str) -> Lease | None:
    """Return the batch's lease; None: another one is seen working on it."""
    try:
        return await storage.acquire_lease(
            batch_id, owner=process_owner(), holder=batch_id, term=TERM
        )
    except (ReplayInProgressError, PlanChangedError):
        return None
    except StorageError as error:
        _log.warning("nobody sees that %s is worked on: %s", batch_id, error)
        return None


async def _beat(lease: Lease) -> bool:
    try:
        return await lease.beat()
    except StorageError as error:
        _log.warning("nobody may see that %s is worked on: %s", lease.holder, error)
        return True
