"""A SQLite file that is opened again where its path has come to lead to another one."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends.sqlite.connection import SQLiteConnection
from sagaz_core.storage.backends.sqlite.file import FileChangedError

P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS: Final = 20
"""How often a read is begun again because the file changed under it."""

_inherited: list[SQLiteConnection] = []
"""Connections of a parent process. They are never closed here, where nothing may touch them."""


class ReopeningFile:
    """A file by its path, which may be replaced while it is open.

    Reads are answered from the file that is there when they end. A write that finds another
    file in place of its own is refused once: whoever writes must look at what is there first.
    A file that has gone is never made again. A process that was forked opens the file for itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened_at = 0
        """When the file was opened last: nanoseconds since 1970."""
        self._place = path
        self._read_only: bool | None = None
        self._process = os.getpid()
        self._connection: SQLiteConnection | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def open(self, *, read_only: bool) -> None:
        """Open the file, or make it unless ``read_only``; idempotent. Raises StorageError."""
        async with self._turn():
            if self._read_only is None:
                await self._connect(self.path, read_only=read_only, make=True)
                # The working directory may be another one when it is opened again.
                self._place = self.path.absolute()
                self._read_only = read_only

    async def close(self) -> None:
        """Close the file, also where this is cancelled; it can be opened again."""
        await asyncio.shield(self._close())

    async def _close(self) -> None:
        async with self._turn():
            self._leave_to_parent()
            connection, self._connection, self._read_only = self._connection, None, None
            if connection is not None:
                await connection.close()

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function that only reads, with the connection, on its thread, in one trip.

        It may be called more than once.
        """
        for _ in range(_ATTEMPTS):
            connection = self._connection
            if connection is None or self._process != os.getpid():
                connection = await self._connected()
            try:
                return await connection.run(function, *args, **kwargs)
            except FileChangedError:
                await self._let_go(connection)
        raise StorageUnavailableError(
            f"{self.path} was replaced or written each of {_ATTEMPTS} times it was read; "
            "try again in a moment"
        )

    async def write(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function likewise, once, inside one write transaction.

        Raises:
            FileChangedError: the path no longer leads to the file; the next call opens the one
                that it leads to.
        """
        connection = await self._connected()
        try:
            return await connection.write(function, *args, **kwargs)
        except FileChangedError:
            await self._let_go(connection)
            raise

    async def at_rest(self) -> bool:
        """Return whether the file is read alone, since nobody writes to it."""
        return (await self._connected()).at_rest

    def _turn(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = (loop, asyncio.Lock())
        return self._opening[1]

    async def _connected(self) -> SQLiteConnection:
        self._leave_to_parent()
        if self._connection is None:
            async with self._turn():
                if self._read_only is None:
                    raise StorageUnavailableError(f"{self.path} is closed; open the storage first")
                if self._connection is None:
                    await self._connect(self._place, read_only=self._read_only, make=False)
        assert self._connection is not None
        return self._connection

    async def _connect(self, path: Path, *, read_only: bool, make: bool) -> None:
        self._connection = await SQLiteConnection.open(path, read_only=read_only, make=make)
        self._process = os.getpid()
        self.opened_at = time.time_ns()

    def _leave_to_parent(self) -> None:
        """Forget a connection that was made before this process was forked."""
        if self._connection is not None and self._process != os.getpid():
            _inherited.append(self._connection)
            self._connection = None

    async def _let_go(self, connection: SQLiteConnection) -> None:
        if self._connection is connection:
            self._connection = None
            await connection.close()
