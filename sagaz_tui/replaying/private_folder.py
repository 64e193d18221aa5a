"""Folders that only this user can look into, for what the processes of replays print."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from sagaz_core.errors import SagazError


class UnsafeFolderError(SagazError):
    """A folder cannot be made, or others can look into it; the message says what to do."""


def state_place() -> Path:
    """Return the place for what stays after the session of a terminal has ended."""
    base = Path(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"))
    # Not every user of a container has a home.
    return base / "sagaz" if base.is_absolute() else runtime_place()


def runtime_place() -> Path:
    """Return where :func:`runtime_folder` is, whether it is there or not."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "sagaz" if base else Path(tempfile.gettempdir()) / f"sagaz-{os.getuid()}"


def runtime_folder() -> Path:
    """Return the folder for what need not outlive the user's session, made if it is not there.

    Raises:
        UnsafeFolderError: it cannot be made, or something else stands in its place.
    """
    return private_folder(runtime_place())


def private_folder(folder: Path) -> Path:
    """Return a folder that only this user can look into, made if it is not there.

    Raises:
        UnsafeFolderError: it cannot be made, or something else stands in its place.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise UnsafeFolderError(
            f"cannot make {folder} for the replay's output ({error.strerror}); "
            "set XDG_RUNTIME_DIR to a folder of your own"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnsafeFolderError(
            f"{folder} can be changed by others, so the replay's output is not put there; "
            "remove it, or set XDG_RUNTIME_DIR to a folder of your own"
        )
    return folder
