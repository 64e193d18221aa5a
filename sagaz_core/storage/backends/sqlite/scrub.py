"""Leaves no trace of deleted rows in a SQLite file and its log.

SQLite overwrites a deleted row with zeros where it stands (``secure_delete``), but not copies that
it left in the unused part of a page when it moved the row to another one. Only a file that is
built anew is free of those.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_WAIT: Final = "PRAGMA busy_timeout"
_READERS_MILLISECONDS: Final = 250
"""How long the log's readers are waited for."""

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def rebuild(db: sqlite3.Connection) -> bool:
    """Write all that is there anew, in place; False: others wrote all the while.

    It takes as much free space on the disk as the file has, twice, and writers wait for it.
    """
    try:
        db.execute("VACUUM")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _BUSY:
            return False
        raise
    return True


def empty_log(db: sqlite3.Connection) -> bool:
    """Bring the log into the file and empty it; False: somebody reads what was before."""
    (waits,) = db.execute(_WAIT).fetchone()
    db.execute(f"{_WAIT} = {_READERS_MILLISECONDS}")
    try:
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute(f"{_WAIT} = {waits}")
    return not busy
