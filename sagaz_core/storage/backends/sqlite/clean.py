"""Removes the rows of an SQLite file that no saga needs any more."""

from __future__ import annotations

import sqlite3
from typing import Final

_ORPHANED: Final = "saga NOT IN (SELECT pk FROM saga)"
_ALIVE: Final = (
    "(SELECT s.id FROM family f CROSS JOIN saga s ON s.root = f.root WHERE f.alive_until > ?)"
)


def clean_up(db: sqlite3.Connection, now: int, clock: int, dry_run: bool) -> int:
    """Remove leftovers, or only count them; returns how many rows.

    Args:
        db: the open file; unless ``dry_run``, in a write transaction.
        now: documents that expire until then go, in microseconds; not those of a family in
            which a run is alive.
        clock: the store's clock, by which a lease is held.
        dry_run: count only.
    """
    verb = "SELECT count(*) FROM" if dry_run else "DELETE FROM"
    gone = 0
    for rest, parameters in (
        (
            f"record WHERE expires <= ? AND coalesce(saga, '') NOT IN {_ALIVE} "
            f"AND (saga IS NULL OR id NOT IN {_ALIVE})",
            (now, clock, clock),
        ),
        (
            "family WHERE root NOT IN (SELECT root FROM saga) "
            "AND root NOT IN (SELECT id FROM record WHERE kind = 'batch') "
            "AND coalesce(alive_until, 0) <= ?",
            (clock,),
        ),
        *((f"{table} WHERE {_ORPHANED}", ()) for table in ("entry", "touch", "tag")),
    ):
        done = db.execute(f"{verb} {rest}", parameters)
        gone += done.fetchone()[0] if dry_run else done.rowcount
    return gone
