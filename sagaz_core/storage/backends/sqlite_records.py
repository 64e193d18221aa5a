"""Documents in an SQLite store: replaced by their version, and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from sagaz_core.storage.backends.rows import RecordRow

RECORD: Final = "SELECT kind, id, version, saga, at, expires, body FROM record"
"""What :func:`record_row` reads."""
RECORD_OF: Final = f"{RECORD} WHERE kind = ? AND id = ?"


def record_row(row: Sequence[Any]) -> RecordRow:
    """Return a row of :data:`RECORD` as the backend's."""
    return RecordRow(
        kind=row[0],
        id=row[1],
        version=row[2],
        saga=row[3],
        at=row[4],
        expires=row[5],
        body=row[6],
    )


def exchange_records(
    db: sqlite3.Connection, records: Sequence[RecordRow], wanted: Sequence[tuple[str, str]]
) -> tuple[list[bool], list[RecordRow | None]]:
    """Store documents, each in place of the version before its own, and read others."""
    stored = [put_record(db, each, each.version - 1) for each in records]
    rows = [db.execute(RECORD_OF, place).fetchone() for place in wanted]
    return stored, [None if row is None else record_row(row) for row in rows]


def put_record(db: sqlite3.Connection, record: RecordRow, expected_version: int) -> bool:
    """Store a document if its version is the expected one."""
    if expected_version == 0:
        written = db.execute(
            "INSERT OR IGNORE INTO record (kind, id, version, saga, at, expires, body) "
            "VALUES (?, ?, 1, ?, ?, ?, ?)",
            (record.kind, record.id, record.saga, record.at, record.expires, record.body),
        )
    else:
        written = db.execute(
            "UPDATE record SET version = version + 1, saga = ?, at = ?, expires = ?, body = ? "
            "WHERE kind = ? AND id = ? AND version = ?",
            (
                record.saga,
                record.at,
                record.expires,
                record.body,
                record.kind,
                record.id,
                expected_version,
            ),
        )
    return written.rowcount == 1
