"""The rows of sagas as they are read from the tables of an SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sagaz_core.model import Status
from sagaz_core.storage.backends.row_check import checked_saga
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.times import now_micros

COLUMNS: Final = (
    "SELECT s.id, s.root, s.parent, s.parent_seq, s.name, s.code, s.status, s.compensation, "
    "s.step, s.error, s.error_group, s.started, s.updated, s.head, s.keyframe, s.expires, "
    "f.alive_until, f.holder, f.recovered_by, s.wrapped_key, s.mac"
)
"""What :func:`saga_row` reads, of ``saga s`` and its family ``f``."""
FAMILY: Final = "LEFT JOIN family f ON f.root = s.root"
SAGA: Final = f"{COLUMNS} FROM saga s {FAMILY}"


def saga_row(row: Sequence[Any], now: int) -> SagaRow:
    """Return a row of :data:`COLUMNS` as the backend's. ``now`` is in microseconds."""
    found = SagaRow(
        saga_id=row[0],
        root=row[1],
        parent=row[2],
        parent_seq=row[3],
        name=row[4],
        code=row[5],
        status=row[6],
        compensation=row[7],
        step=row[8],
        error=row[9],
        error_group=row[10],
        started=row[11],
        updated=row[12],
        head=row[13],
        keyframe=row[14],
        expires=row[15],
        alive=type(row[16]) is int and row[16] > now,
        holder=row[17],
        recovered_by=row[18],
        wrapped_key=row[19],
        mac=row[20],
    )
    return checked_saga(found)


@contextmanager
def one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """Let several statements see the store as it is at one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def read_saga(db: sqlite3.Connection, saga_id: str) -> SagaRow | None:
    """Return a saga's row, with what is its family's."""
    found = db.execute(f"{SAGA} WHERE s.id = ?", (saga_id,)).fetchone()
    return saga_row(found, now_micros()) if found else None


def read_tags(db: sqlite3.Connection, saga_id: str) -> tuple[tuple[str, str], ...]:
    """Return a saga's tags, in order."""
    rows = db.execute(
        "SELECT name, value FROM tag WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
        "ORDER BY name, value",
        (saga_id,),
    )
    return tuple((name, value) for name, value in rows)


def count_ended(
    db: sqlite3.Connection, status: Status, since: int, width: int, count: int
) -> list[int]:
    """Count the sagas that ended so, in stretches of time, as :meth:`Backend.ended` says."""
    found = dict(
        db.execute(
            "SELECT (ended - ?1) / ?2 AS number, count(*) FROM saga WHERE ended IS NOT NULL "
            "AND status = ?3 AND ended >= ?1 AND ended < ?1 + ?2 * ?4 GROUP BY number",
            (since, width, status, count),
        ).fetchall()
    )
    return [found.get(number, 0) for number in range(count)]


def read_expired(db: sqlite3.Connection, until: int) -> list[str]:
    """Return the ids of the sagas that expire not after ``until``, of families at rest."""
    rows = db.execute(
        # Two parts, as there is an index for each.
        " UNION ALL ".join(
            "SELECT s.id FROM saga s LEFT JOIN family f ON f.root = s.root "
            f"WHERE s.ended IS {state} AND s.expires <= ?1 "
            "AND coalesce(f.alive_until, 0) <= ?2"
            for state in ("NULL", "NOT NULL")
        ),
        (until, now_micros()),
    )
    return [row[0] for row in rows]
