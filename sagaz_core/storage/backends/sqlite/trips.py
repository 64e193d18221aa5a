"""Trips to the thread of a connection: what is asked for at the same time goes in one.

A trip costs more than most questions, and while other tasks run, the thread waits for the
interpreter after every statement. So whoever is about to ask does so first, one trip is under way
at a time, and its answers come back together. Its writes share one transaction, and one sync.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends.sqlite.file import OpenFile

_PATIENCE: Final = 0.002
"""Seconds after which answers are brought back before the rest of their trip is done."""


class Job:
    """One function to call on the thread, and what comes of it."""

    __slots__ = ("answer", "call", "error", "result", "writes")

    def __init__(self, call: Callable[[], Any], answer: asyncio.Future[Any], writes: bool) -> None:
        self.call = call
        self.answer = answer
        self.writes = writes
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self) -> None:
        """Call the function; runs on the thread."""
        try:
            self.result, self.error = self.call(), None
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self.error = error

    def settle(self) -> None:
        """Answer whoever waits; runs in the event loop."""
        if self.answer.done():
            return
        if self.error is None:
            self.answer.set_result(self.result)
        else:
            self.answer.set_exception(self.error)


class Trips:
    """Collects jobs in the event loop, and sends them to a connection's thread.

    It may be used from several event loops, one after another.

    Args:
        send: hands a function to the thread; raises StorageUnavailableError once it has ended.
        connection: what the jobs work with; only touched on the thread.
        file: must be the one that the path leads to when answers are given.
    """

    def __init__(
        self,
        send: Callable[[Callable[[], None]], None],
        connection: sqlite3.Connection,
        file: OpenFile,
    ) -> None:
        self._send = send
        self._connection = connection
        self._file = file
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Job] = []
        self._counted = 0
        self._busy = False

    async def ask(self, call: Callable[[], Any], *, writes: bool) -> Any:
        """Return what ``call`` returns on the thread; with ``writes``, once it is durable.

        One that writes may be called twice, if something else in its transaction fails.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._counted, self._busy = loop, [], 0, False
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(Job(call, answer, writes))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._gather)
        return await answer

    def leave(self) -> None:
        """Send what waits, now."""
        jobs, self._waiting, self._counted = self._waiting, [], 0
        if not jobs or self._loop is None:
            return
        try:
            self._send(functools.partial(self._work, jobs, self._loop))
        except StorageUnavailableError as error:
            # It was closed while they waited for the trip before.
            self._busy = False
            for job in jobs:
                job.error = error
                job.settle()

    def _gather(self) -> None:
        """Let those who are about to ask for something do so first."""
        if len(self._waiting) > self._counted and self._loop is not None:
            self._counted = len(self._waiting)
            self._loop.call_soon(self._gather)
        elif self._waiting:
            self.leave()
        else:
            self._busy = False

    # -- on the thread

    def _work(self, jobs: Sequence[Job], loop: asyncio.AbstractEventLoop) -> None:
        started = time.monotonic()
        done: list[Job] = []
        for job in jobs:
            if job.writes:
                continue
            job.do()
            done.append(job)
            if time.monotonic() - started > _PATIENCE:
                self._bring_back(done, loop, is_last=False)
                done, started = [], time.monotonic()
        writes = [job for job in jobs if job.writes]
        if writes:
            self._write(writes)
        self._bring_back([*done, *writes], loop, is_last=True)

    def _write(self, jobs: Sequence[Job]) -> None:
        """Write all in one transaction; where that cannot be, each in its own."""
        if len(jobs) > 1:
            together = Job(lambda: [job.call() for job in jobs], jobs[0].answer, writes=True)
            begun = self._transact(together)
            if together.error is None:
                for job, result in zip(jobs, together.result, strict=True):
                    job.result = result
                return
            if not begun:
                for job in jobs:
                    job.error = together.error
                return
        for job in jobs:
            self._transact(job)

    def _transact(self, job: Job) -> bool:
        """Do a job in a write transaction; returns whether that could be begun."""
        begun = False
        try:
            self._file.check()
            self._connection.execute("BEGIN IMMEDIATE")
            begun = True
            job.result = job.call()
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            job.error = error
            # Some errors, a full disk among them, have rolled back already.
            if begun and self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
        return begun

    def _bring_back(
        self, jobs: Sequence[Job], loop: asyncio.AbstractEventLoop, *, is_last: bool
    ) -> None:
        """Answer with what a file says only if it is still the one to be asked."""
        try:
            self._file.check()
        except Exception as error:  # noqa: BLE001 - it is raised where the answers are waited for
            for job in jobs:
                # A file that is written to while it is read alone may look damaged.
                if job.error is None or isinstance(job.error, sqlite3.Error):
                    job.error = error
        # Where that loop is closed by now, nobody waits any more; the thread lives on.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._arrive, jobs, loop, is_last)

    def _arrive(self, jobs: Sequence[Job], loop: asyncio.AbstractEventLoop, is_last: bool) -> None:
        for job in jobs:
            job.settle()
        if is_last and loop is self._loop:
            # They are woken by now, and many will ask for something more.
            loop.call_soon(self._gather)
