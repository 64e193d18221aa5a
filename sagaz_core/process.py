"""Who runs here: the words for host, user and process that are recorded with a run."""

from __future__ import annotations

import functools
import getpass
import os
import socket


@functools.lru_cache(maxsize=1)
def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def process_owner() -> str:
    """Return ``user@host:pid`` of this process."""
    return f"{_user_name()}@{host_name()}:{os.getpid()}"


@functools.lru_cache(maxsize=1)
def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers often run as a user id that has no name.
        return str(os.getuid())
