"""Documents in an SQLite store: replaced by their version, and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from sagaz_core.storage.backends.rows import RecordRow

_RECORD: Final = "SELECT kind, id, version, saga, at, expires, body FROM record"
_RECORD_OF: Final = f"{_RECORD} WHERE kind = ? AND id = ?"


def read_record(db: sqlite3.Connection, kind: str, id: str) -> RecordRow | None:
    """Return a document."""
    found = db.execute(_RECORD_OF, (kind, id)).fetchone()
    return _row(found) if found else None


def scan_records(
    db: sqlite3.Connection,
    kind: str,
    saga: str | None,
    before: tuple[int, str] | None,
    limit: int | None,
) -> list[RecordRow]:
    """Return documents of a kind, newest first, as :meth:`Backend.scan` says."""
    of_saga = "" if saga is None else "AND saga = ? "
    older = "" if before is None else "AND (at, id) < (?, ?) "
    rows = db.execute(
        f"{_RECORD} WHERE kind = ? {of_saga}{older}ORDER BY at DESC, id DESC LIMIT ?",
        [
            kind,
            *([] if saga is None else [saga]),
            *(before or ()),
            -1 if limit is None else limit,
        ],
    )
    return list(map(_row, rows))


def exchange_records(
    db: sqlite3.Connection, records: Sequence[RecordRow], wanted: Sequence[tuple[str, str]]
) -> tuple[list[bool], list[RecordRow | None]]:
    """Store documents, each in place of the version before its own, and read others."""
    stored = [put_record(db, each, each.version - 1) for each in records]
    return stored, [read_record(db, *place) for place in wanted]


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


def _row(row: Sequence[Any]) -> RecordRow:
    return RecordRow(
        kind=row[0],
        id=row[1],
        version=row[2],
        saga=row[3],
        at=row[4],
        expires=row[5],
        body=row[6],
    )
