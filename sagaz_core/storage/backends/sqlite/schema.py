"""Brings a SQLite file's schema up to date, if it is a store at all."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final

from sagaz_core.errors import NotASagazStoreError, SchemaTooNewError, StorageUnavailableError
from sagaz_core.storage.backends.sqlite.write_ahead import use_write_ahead_log

APPLICATION_ID: Final = 0x5A6A_7A01


def migrations() -> list[str]:
    """Return the scripts that bring an empty file to this version's schema, in order."""
    folder = resources.files("sagaz_core.storage.backends.sqlite") / "sql"
    scripts = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")),
        key=lambda item: item.name,
    )
    return [script.read_text(encoding="utf-8") for script in scripts]


def prepare(connection: sqlite3.Connection, path: Path, read_only: bool) -> None:
    """Check whose file it is, set it up, and bring its schema up to date."""
    version, application, tables = _read_header(connection)
    if application != APPLICATION_ID and (tables or version or application):
        raise NotASagazStoreError(
            f"{path} is a database of another program; name a sagaz store, or a new file"
        )
    scripts = migrations()
    _refuse_newer(version, scripts, path)
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
    use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    # Where a sync leaves data in the disk's own cache (macOS), have that written too.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA secure_delete = ON")
    if version < len(scripts):
        _migrate(connection, path, scripts)


def _refuse_newer(version: int, scripts: list[str], path: Path) -> None:
    if version > len(scripts):
        raise SchemaTooNewError(
            f"{path} was written by a newer sagaz (schema {version}, this one knows "
            f"{len(scripts)}); upgrade sagaz to open it"
        )


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


def _migrate(connection: sqlite3.Connection, path: Path, scripts: list[str]) -> None:
    """Apply what is missing, all of it in one transaction.

    Several processes may find the same new file at once: the version is read again inside.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        _refuse_newer(version, scripts, path)
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
