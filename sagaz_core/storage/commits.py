"""Group commit: saves that wait at the same time share one transaction and one sync."""

from __future__ import annotations

import asyncio
from typing import Final

from sagaz_core.errors import StorageError
from sagaz_core.storage.backends.base import Append, Backend, Outcome

_MAX_GROUP: Final = 256


class GroupCommit:
    """Collects appends while one group is being written, and writes them as the next.

    A group is written by a task of its own, so that cancelling a saver cancels no write. It may
    be used from several event loops, one after another.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[Append, asyncio.Future[Outcome]]] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, append: Append) -> asyncio.Future[Outcome]:
        """Return the outcome to come: it is there once it is durable.

        The future fails with StorageError if the group could not be written, and is cancelled
        if the event loop ends first; in both cases what became of the append is not known.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._task = loop, [], None
        future: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((append, future))
        if self._task is None:
            self._task = loop.create_task(self._write_groups())
        return future

    async def drain(self) -> None:
        """Wait until everything submitted in this event loop has been written."""
        if self._task is not None and self._loop is asyncio.get_running_loop():
            await asyncio.shield(self._task)

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
                await self._write(group)
        finally:
            self._task = None

    async def _write(self, group: list[tuple[Append, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._backend.append([append for append, _ in group])
        except StorageError as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        except BaseException:
            for _, future in [*group, *self._waiting]:
                future.cancel()
            raise
        else:
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
