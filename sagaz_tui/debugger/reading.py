"""Reads for the debugger in the background: what is new, and the checkpoint under the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from sagaz_core.errors import SagaNotFoundError, StorageError
from sagaz_tui.debugger.session import SagaSession

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_WAIT: Final = 5.0
_BETWEEN_LOOKS: Final = 0.03
_FRAME: Final = 1 / 60
_RETRY_FIRST: Final = 1
_RETRY_AT_MOST: Final = 8


class Silence(NamedTuple):
    """A store out of reach: seconds since it last answered and until the next try, and why."""

    since: int
    retry: int
    reason: str


class Watch:
    """Keeps a session in step with its store.

    Args:
        changed: called when the session knows more.
        missing: called while the saga is not in the store.
        stale: called each second while the store is out of reach; with None once it answers.
    """

    def __init__(
        self,
        storage: SnapshotStorage,
        session: SagaSession,
        *,
        changed: Callable[[], None],
        missing: Callable[[SagaNotFoundError], None],
        stale: Callable[[Silence | None], None],
    ) -> None:
        self._storage = storage
        self._session = session
        self._changed = changed
        self._missing = missing
        self._stale = stale
        self._silent: int | None = None
        """Seconds since the store last answered; None: it does."""

    async def run(self) -> None:
        """Go on until cancelled; it can be run again afterwards."""
        cursor: int | None = None
        retry = _RETRY_FIRST
        while True:
            try:
                cursor = await self._storage.wait(cursor, _WAIT)
                await self._look()
            except StorageError as error:
                await self._pause(retry, str(error))
                cursor, retry = None, min(retry * 2, _RETRY_AT_MOST)
                continue
            if self._silent is not None:
                self._silent, retry = None, _RETRY_FIRST
                self._stale(None)
                self._changed()
            await asyncio.sleep(_BETWEEN_LOOKS)

    async def _look(self) -> None:
        try:
            news = await self._session.refresh()
        except SagaNotFoundError as error:
            self._missing(error)
            return
        if news:
            self._changed()

    async def _pause(self, retry: int, reason: str) -> None:
        silent = self._silent or 0
        for left in range(retry, 0, -1):
            # Noted before it is told: whoever cancels this while it waits has been told.
            self._silent = silent
            self._stale(Silence(silent, left, reason))
            await asyncio.sleep(1)
            silent += 1
        self._silent = silent


class MomentReader:
    """Reads the checkpoint that is wanted last, and then its neighbours.

    However fast the wishes come, the last one is always met; those before it may be passed over.

    Args:
        ready: called with the number of the checkpoint that is wanted, once it is read.
    """

    def __init__(self, session: SagaSession, ready: Callable[[int], None]) -> None:
        self._session = session
        self._ready = ready
        self._wanted = 0
        self._direction = 1
        self._wish = asyncio.Event()

    def want(self, sequence: int) -> None:
        """Wish for a checkpoint."""
        if sequence != self._wanted:
            self._direction = 1 if sequence > self._wanted else -1
        self._wanted = sequence
        self._wish.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._wish.wait()
            self._wish.clear()
            sequence = self._wanted
            try:
                await self._session.read_rows(sequence)
                await self._session.moment(sequence)
                if sequence == self._wanted:
                    self._ready(sequence)
                # The screen paints this often at most; wishes in between are passed over.
                await asyncio.sleep(_FRAME)
                await self._read_ahead(sequence)
            except (StorageError, SagaNotFoundError):
                # The watch says so, if it sees it too; one that waited may have seen nothing.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wish.wait(), _RETRY_FIRST)
                self._wish.set()

    async def _read_ahead(self, sequence: int) -> None:
        for neighbour in self._session.unread_near(sequence, self._direction):
            if self._wish.is_set():
                return
            await self._session.moment(neighbour)
