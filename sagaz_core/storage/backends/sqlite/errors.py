"""What keeps a SQLite file from being used, in words for a person."""

from __future__ import annotations

import os
import shlex
import sqlite3
from pathlib import Path
from typing import Final

from sagaz_core.errors import (
    NotASagazStoreError,
    ReadOnlyStoreError,
    StorageError,
    StorageUnavailableError,
)
from sagaz_core.storage.backends.sqlite.file import log_of

BUSY_SECONDS: Final = 5.0
"""How long another process's lock is waited for."""


def check_place(path: Path, read_only: bool, make: bool) -> None:
    """Refuse what SQLite would only call 'unable to open database file'."""
    try:
        _check_folders(path, read_only, make)
        if not read_only and path.exists() and not os.access(path, os.W_OK):
            # SQLite would open it to read, and refuse each write.
            raise _not_writable(path)
    except OSError as error:
        raise _no_access(path) from error


def _check_folders(path: Path, read_only: bool, make: bool) -> None:
    if path.is_dir():
        raise StorageUnavailableError(f"{path} is a folder; name a file in it")
    if not make and not path.exists():
        raise StorageUnavailableError(
            f"{path} was moved or deleted while it was open; put it back, or start again what "
            "uses it"
        )
    if read_only and not path.exists():
        raise StorageUnavailableError(
            f"there is no store at {path}; record a saga into it first, or name another "
            "with --storage-url"
        )
    if not path.parent.is_dir():
        raise StorageUnavailableError(f"the folder {path.parent} does not exist; make it first")


def _no_access(path: Path) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"{path} could not be opened; check that this user may read it and write to its folder"
    )


def _not_writable(path: Path) -> ReadOnlyStoreError:
    return ReadOnlyStoreError(
        f"{path} cannot be written by this user; change its permissions, or open it read-only"
    )


def _cannot_open(path: Path) -> StorageUnavailableError:
    """Say why SQLite could not open a file, or what it needs beside it."""
    log = log_of(path)
    try:
        held_up = os.access(path, os.R_OK) and log.stat().st_size > 0
    except OSError:
        held_up = False
    if not held_up:
        return _no_access(path)
    copying = shlex.join(["cp", str(path), str(log)])
    return StorageUnavailableError(
        f"what was written last to {path} is in {log.name}, and a user who may not write to that "
        f"folder cannot read it; copy both to a folder of yours, `{copying} FOLDER`, and look there"
    )


def translate(error: sqlite3.Error, path: Path) -> StorageError:
    """Return what a driver's error means to a person."""
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    match extended:
        case sqlite3.SQLITE_READONLY_DIRECTORY:
            return ReadOnlyStoreError(
                f"{path} needs two files beside it to be written, and this user cannot make "
                "them; change the permissions of its folder, or open it read-only"
            )
        case sqlite3.SQLITE_READONLY_ROLLBACK:
            return StorageUnavailableError(
                f"{path} was left in the middle of a write, which only a user who may write to "
                "it can undo; record a saga into it as that user"
            )
    match extended & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageUnavailableError(
                f"{path} has been locked by another process for {BUSY_SECONDS:.0f} s; "
                "wait for it to finish, or end it"
            )
        case sqlite3.SQLITE_FULL:
            return StorageUnavailableError(
                f"{path} could not be written: the disk is full; free some space"
            )
        case sqlite3.SQLITE_IOERR:
            return StorageUnavailableError(
                f"the disk did not take or give what {path} holds ({error}); check the disk, "
                "its quota and the limits of this process"
            )
        case sqlite3.SQLITE_READONLY:
            return _not_writable(path)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return _cannot_open(path)
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
