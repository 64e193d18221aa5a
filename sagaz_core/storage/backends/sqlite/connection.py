"""One connection to a SQLite file, on a thread of its own.

Functions given to :meth:`SQLiteConnection.run` go to that thread in one trip, however many
statements they execute; that is what makes appends fast.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import aiosqlite

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends.invalid_text import no_text
from sagaz_core.storage.backends.sqlite.errors import BUSY_SECONDS, check_place, translate
from sagaz_core.storage.backends.sqlite.file import FileChangedError, OpenFile
from sagaz_core.storage.backends.sqlite.query import add_functions
from sagaz_core.storage.backends.sqlite.schema import prepare
from sagaz_core.storage.backends.sqlite.thread import thread_of
from sagaz_core.storage.backends.sqlite.trips import Trips

P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS: Final = 20
"""How often a file that changes while it is opened is opened again."""


class SQLiteConnection:
    """An open SQLite file. Made by :meth:`open`."""

    def __init__(
        self, path: Path, file: OpenFile, connection: aiosqlite.Connection, *, read_only: bool
    ) -> None:
        self.path = path
        self._file = file
        self._connection = connection
        self._read_only = read_only
        self._trips = Trips(self._send, connection._conn, file)

    @property
    def at_rest(self) -> bool:
        """Whether the file is read alone, since nobody writes to it."""
        return self._file.at_rest is not None

    @classmethod
    async def open(cls, path: Path, *, read_only: bool, make: bool = True) -> SQLiteConnection:
        """Open a file; one that is not there is made unless ``read_only`` or not ``make``.

        Raises:
            StorageError: it cannot be opened, and what to do.
        """
        for _ in range(_ATTEMPTS):
            check_place(path, read_only, make)
            try:
                return await cls._open(path, read_only, make)
            except FileChangedError:
                continue
            except FileNotFoundError:
                # It went between two looks; the next check says so.
                continue
        raise StorageUnavailableError(
            f"{path} was replaced or written each of {_ATTEMPTS} times it was opened; "
            "try again in a moment"
        )

    @classmethod
    async def _open(cls, path: Path, read_only: bool, make: bool) -> SQLiteConnection:
        file = OpenFile.find(path, read_only=read_only) if path.exists() else None
        if file is not None and file.settles_in:
            await asyncio.sleep(file.settles_in)
            file = OpenFile.find(path, read_only=read_only)
        alone = "&immutable=1" if file is not None and file.at_rest is not None else ""
        mode = f"ro{alone}" if read_only else "rwc" if make else "rw"
        pending = aiosqlite.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            cached_statements=256,
        )
        pending._thread = thread_of(pending, path)
        connecting = asyncio.ensure_future(_awaited(pending))
        try:
            opened = await asyncio.shield(connecting)
        except sqlite3.Error as error:
            raise translate(error, path) from error
        except asyncio.CancelledError:
            # The thread opens the file all the same, and nobody else would close it.
            connecting.add_done_callback(_stop)
            raise
        try:
            file = file or OpenFile.find(path, read_only=read_only)
            connection = cls(path, file, opened, read_only=read_only)
            await connection.run(prepare, path, read_only)
            await connection.run(add_functions)
        except BaseException:
            await _close(opened)
            raise
        return connection

    def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Call a function with the connection, on the connection's thread, in one trip.

        Raises:
            FileChangedError: the path leads elsewhere, or the file is at rest no longer.
        """
        return self._ask(function, args, kwargs, writes=False)

    def write(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Call a function likewise, inside a write transaction, which it may share with others.

        Where another one in its transaction fails, it is called again in one of its own.
        """
        return self._ask(function, args, kwargs, writes=True)

    async def _ask(self, function: Callable[..., T], args: Any, kwargs: Any, *, writes: bool) -> T:
        self._check_open()
        call = functools.partial(function, self._connection._conn, *args, **kwargs)
        try:
            result: T = await self._trips.ask(call, writes=writes)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        except UnicodeEncodeError as error:
            raise no_text(error) from error
        return result

    async def close(self) -> None:
        """Close the file, also where this is cancelled; what is queued is done first."""
        if not self._connection._running:
            return
        self._trips.leave()
        if not self._read_only:
            self._send(self._leave_whole)
        await _close(self._connection)

    def _send(self, work: Callable[[], None]) -> None:
        """Have the connection's thread do something.

        aiosqlite has no public call for this; here is the only place that uses its queue, and
        the reason why its version is pinned.
        """
        self._check_open()
        self._connection._tx.put_nowait((None, work))

    def _check_open(self) -> None:
        if not self._connection._running:
            raise StorageUnavailableError(f"{self.path} is closed; open the storage first")

    def _leave_whole(self) -> None:
        """Bring the log into a file that was moved.

        The log has stayed behind by its name, where it would be taken for the log of a file
        that was put in the place of the moved one. Closing alone brings none in of a moved file.
        """
        if self._file.moved:
            with suppress(sqlite3.Error):
                self._connection._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


async def _awaited(pending: aiosqlite.Connection) -> aiosqlite.Connection:
    return await pending


async def _close(connection: aiosqlite.Connection) -> None:
    # It is under way before anything is waited for: the loop may end meanwhile.
    closed = connection.stop()
    if closed is not None:
        await asyncio.shield(closed)


def _stop(connecting: asyncio.Task[aiosqlite.Connection]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().stop()
