"""One connection to a SQLite file, on a thread of its own, its errors put into words.

Functions given to :meth:`SQLiteConnection.run` go to that thread in one trip, however many
statements they execute; that is what makes appends fast.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import aiosqlite

from sagaz_core.errors import (
    NotASagazStoreError,
    ReadOnlyStoreError,
    SchemaTooNewError,
    StorageError,
    StorageUnavailableError,
)

P = ParamSpec("P")
T = TypeVar("T")

APPLICATION_ID: Final = 0x5A6A_7A01
BUSY_SECONDS: Final = 5.0


def migrations() -> list[str]:
    """Return the scripts that bring an empty file to this version's schema, in order."""
    folder = resources.files("sagaz_core.storage.backends") / "sql"
    scripts = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")),
        key=lambda item: item.name,
    )
    return [script.read_text(encoding="utf-8") for script in scripts]


class SQLiteConnection:
    """An open SQLite file. Made by :meth:`open`."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    async def open(cls, path: Path, *, read_only: bool) -> SQLiteConnection:
        """Open a file, or make it unless ``read_only``; raises StorageError."""
        _check_place(path, read_only)
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        pending = aiosqlite.connect(
            uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, cached_statements=256
        )
        # A program that forgets to close its store must still be able to end. aiosqlite has no
        # public way to say so.
        pending._thread.daemon = True
        try:
            connection = cls(path, await pending)
        except sqlite3.Error as error:
            raise translate(error, path) from error
        try:
            await connection.run(_prepare, path, read_only)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function with the connection, on the connection's thread, in one trip.

        aiosqlite has no public call for this; here is the only place that uses its queue, and
        the reason why its version is pinned.
        """
        if not self._connection._running:
            raise StorageUnavailableError(f"{self.path} is closed; open the storage first")
        work = functools.partial(function, self._connection._conn, *args, **kwargs)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._connection._tx.put_nowait((None, functools.partial(_work_and_answer, work, answer)))
        try:
            return await answer
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    async def write(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a function likewise, inside one write transaction."""

        def transaction(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = function(connection, *args, **kwargs)
                connection.execute("COMMIT")
            except BaseException:
                # Some errors, a full disk among them, have rolled back already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

        return await self.run(transaction)

    async def close(self) -> None:
        """Close the file; what is queued is done first."""
        await asyncio.shield(self._connection.close())


def _work_and_answer(work: Callable[[], T], answer: asyncio.Future[T]) -> None:
    """Do work on the connection's thread and answer to the event loop that asked.

    aiosqlite's own answer ends the thread where that loop is closed by then, and whoever asks
    next, from another loop, would wait for ever.
    """
    settle: Callable[[], None]
    try:
        settle = functools.partial(answer.set_result, work())
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        settle = functools.partial(answer.set_exception, error)
    with suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(lambda: None if answer.done() else settle())


def _check_place(path: Path, read_only: bool) -> None:
    """Refuse what SQLite would only call 'unable to open database file'."""
    try:
        _check_folders(path, read_only)
    except OSError as error:
        raise _no_access(path) from error


def _check_folders(path: Path, read_only: bool) -> None:
    if path.is_dir():
        raise StorageUnavailableError(f"{path} is a folder; name a file in it")
    if read_only and not path.exists():
        raise StorageUnavailableError(
            f"there is no store at {path}; record a saga into it first, or name another "
            "with --storage-url"
        )
    if not path.parent.is_dir():
        raise StorageUnavailableError(f"the folder {path.parent} does not exist; make it first")


def _prepare(connection: sqlite3.Connection, path: Path, read_only: bool) -> None:
    """Check whose file it is, set it up, and bring its schema up to date."""
    version, application, tables = _read_header(connection)
    if application != APPLICATION_ID and (tables or version or application):
        raise NotASagazStoreError(
            f"{path} is a database of another program; name a sagaz store, or a new file"
        )
    scripts = migrations()
    if version > len(scripts):
        raise SchemaTooNewError(
            f"{path} was written by a newer sagaz (schema {version}, this one knows "
            f"{len(scripts)}); upgrade sagaz to open it"
        )
    if read_only:
        if not tables:
            raise StorageUnavailableError(
                f"{path} is empty and not a store yet; record a saga into it first"
            )
        if version < len(scripts):
            raise StorageUnavailableError(
                f"{path} needs its schema brought up to date, which a read-only opening may not "
                "do; open it once for writing"
            )
        connection.execute("PRAGMA query_only = ON")
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    if version < len(scripts):
        _migrate(connection, scripts)


def _read_header(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return schema version, application id and number of tables, all of one moment."""
    connection.execute("BEGIN")
    try:
        version, application, tables = (
            connection.execute(sql).fetchone()[0]
            for sql in (
                "PRAGMA user_version",
                "PRAGMA application_id",
                "SELECT count(*) FROM sqlite_master",
            )
        )
    finally:
        connection.execute("ROLLBACK")
    return version, application, tables


def _migrate(connection: sqlite3.Connection, scripts: list[str]) -> None:
    """Apply what is missing, all of it in one transaction.

    Several processes may find the same new file at once: the version is read again inside.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for script in scripts[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """Split a script; ``executescript`` would commit the transaction it runs in."""
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


def _no_access(path: Path) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"{path} could not be opened; check that this user may read it and write to its folder"
    )


def translate(error: sqlite3.Error, path: Path) -> StorageError:
    """Return what a driver's error means to a person."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageUnavailableError(
                f"{path} has been locked by another process for {BUSY_SECONDS:.0f} s; "
                "wait for it to finish, or end it"
            )
        case sqlite3.SQLITE_FULL:
            return StorageUnavailableError(
                f"{path} could not be written: the disk is full; free some space"
            )
        case sqlite3.SQLITE_READONLY:
            return ReadOnlyStoreError(
                f"{path} cannot be written by this user; change its permissions, or open it "
                "read-only"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return _no_access(path)
        case sqlite3.SQLITE_NOTADB:
            return NotASagazStoreError(
                f"{path} is no SQLite database; name a sagaz store, or a new file"
            )
        case sqlite3.SQLITE_CORRUPT:
            return StorageError(
                f"{path} is damaged ({error}); restore it from a copy, or save what is left with "
                "`sqlite3 FILE .recover`"
            )
        case _:
            return StorageUnavailableError(f"{path} could not be used: {error}")
