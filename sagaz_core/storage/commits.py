"""Group commit: saves that wait at the same time share one transaction and one sync."""

from __future__ import annotations

import asyncio
from typing import Final

from sagaz_core.errors import StorageError, StorageUnavailableError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import Append, Outcome

_MAX_GROUP: Final = 256


class Ticket:
    """An append that was handed in, and in time what became of it."""

    __slots__ = ("_error", "_outcome", "_waiter", "append")

    def __init__(self, append: Append) -> None:
        self.append = append
        self._outcome: Outcome | None = None
        self._error: StorageError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def outcome(self) -> Outcome:
        """Return what became of it, once that is durable. Cancelling this cancels no write.

        Raises:
            StorageError: it could not be written, or that is not known.
        """
        if self._outcome is None and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._outcome is None:
            assert self._error is not None
            raise self._error
        return self._outcome

    def settle(self, outcome: Outcome | None, error: StorageError | None = None) -> None:
        """Say what became of it, to whoever waits for it."""
        self._outcome, self._error = outcome, error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class GroupCommit:
    """Collects appends while one group is being written, and writes them as the next.

    A group is written by a task of its own, so that a saver who is cancelled takes nobody else's
    write along. It may be used from several event loops, one after another.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Ticket] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, append: Append) -> Ticket:
        """Hand in an append; its ticket tells what becomes of it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._give_up(self._waiting)
            self._loop, self._waiting, self._task = loop, [], None
        ticket = Ticket(append)
        self._waiting.append(ticket)
        if self._task is None:
            self._task = loop.create_task(self._write_groups())
        return ticket

    async def drain(self) -> None:
        """Wait until everything handed in in this event loop has been written."""
        if self._task is not None and self._loop is asyncio.get_running_loop():
            await asyncio.shield(self._task)

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
                await self._write(group)
        finally:
            self._task = None

    async def _gather(self) -> None:
        """Let the savers that are about to hand something in do so first.

        While they run, the connection's thread would have to wait for the interpreter after
        every statement; it writes in half the time once they all wait for it.
        """
        count = 1
        while count < len(self._waiting) < _MAX_GROUP:
            count = len(self._waiting)
            await asyncio.sleep(0)

    async def _write(self, group: list[Ticket]) -> None:
        try:
            outcomes = await self._backend.append([ticket.append for ticket in group])
        except StorageError as error:
            for ticket in group:
                ticket.settle(None, error)
        except Exception as error:  # noqa: BLE001 - what a driver has against one of its values
            if len(group) > 1:
                for ticket in group:
                    await self._write([ticket])
            else:
                group[0].settle(None, StorageError(f"it cannot be stored: {error}"))
        except BaseException:
            self._give_up([*group, *self._waiting])
            self._waiting = []
            raise
        else:
            for ticket, outcome in zip(group, outcomes, strict=True):
                ticket.settle(outcome)

    def _give_up(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            ticket.settle(
                None,
                StorageUnavailableError(
                    "the program was stopped while a checkpoint was being written; "
                    "`sagaz show` tells whether it was"
                ),
            )
