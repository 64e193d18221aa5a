"""Turning a new SQLite file to a write-ahead log, where several may make it at the same time."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Final

from sagaz_core.storage.backends.sqlite.errors import BUSY_SECONDS

_TURN_SECONDS: Final = 0.05


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Have a file written through a log from now on, as its header says afterwards.

    Two that turn it at once each wait for the other to let go of what it reads. So each waits
    only a little, and begins again at another moment.

    Raises:
        sqlite3.OperationalError: it was locked all the time that one waits for a lock.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    connection.execute(f"PRAGMA busy_timeout = {_TURN_SECONDS * 1000:.0f}")
    try:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                is_locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_locked or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0, _TURN_SECONDS))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
