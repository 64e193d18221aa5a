"""The thread of a connection, which outlives the event loop that it answers.

A program may end its event loop while a file is being opened or closed. aiosqlite's own thread
dies there of an answer that nobody waits for any more, and leaves undone what is queued behind
it: the closing, as a rule.
"""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Final

import aiosqlite
from aiosqlite.core import _connection_worker_thread

NAME: Final = "sagaz-sqlite"
"""How the names of these threads begin."""


def thread_of(connection: aiosqlite.Connection, path: Path) -> Thread:
    """Return a thread for a connection that was not started yet, to be put in its place.

    It is a daemon: a program that forgets to close its store must still be able to end. aiosqlite
    has no public way to say either.
    """
    return Thread(target=_serve, args=(connection,), name=f"{NAME} {path.name}", daemon=True)


def _serve(connection: aiosqlite.Connection) -> None:
    while True:
        try:
            _connection_worker_thread(connection._tx)
        except RuntimeError:
            # The loop of whoever asked is closed.
            if connection._running or not connection._tx.empty():
                continue
        return
