"""Whether a path still leads to the file that was opened by it, and whether that lies at rest.

SQLite keeps what was committed last in a log beside the file, ``-wal``, and needs a second file,
``-shm``, to read it. While there is nothing in that log the file can be read alone, without
locks: no permission to write is needed, and looking leaves nothing behind. That holds as long as
nobody writes, which is found out by looking at the files again after each read.

Nothing here opens the file: closing it again would take SQLite's locks on it from this process.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

from sagaz_core.errors import StorageUnavailableError

_Stamp: TypeAlias = tuple[int, int, int, int] | None

_SECOND: Final = 1_000_000_000
_TICK: Final = 20_000_000
_COARSE_TICK: Final = 2 * _SECOND
"""Nanoseconds within which a file system may give two writes the same time: the coarse ones
keep whole seconds."""


class FileChangedError(StorageUnavailableError):
    """The file that is open is not, or is no longer as, the one that the path leads to."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file as it was when it was opened. Made by :meth:`find`.

    Args:
        path: in full, so that it leads to the same place from another working directory.
        identity: device and inode.
        at_rest: names and stamps of the file and its logs if it is read alone; None: SQLite's
            locks and log are used.
    """

    path: str
    identity: tuple[int, int]
    at_rest: dict[str, _Stamp] | None

    @classmethod
    def find(cls, path: Path, *, read_only: bool) -> Self:
        """Look at the file that a path leads to now; raises OSError."""
        name = str(path.absolute())
        found = os.stat(name)
        at_rest = _stamps(name) if read_only else None
        if at_rest is not None and any(list(at_rest.values())[1:]):
            at_rest = None
        return cls(name, (found.st_dev, found.st_ino), at_rest)

    @property
    def settles_in(self) -> float:
        """Seconds until a write could not be overlooked for having the time of the latest one."""
        stamps = self.at_rest.values() if self.at_rest else ()
        now = time.time_ns()
        return max((_settles_in(now, stamp[3]) for stamp in stamps if stamp), default=0.0)

    def check(self) -> None:
        """Raise FileChangedError where the path leads elsewhere, or the file rests no longer."""
        if self.moved:
            raise FileChangedError(
                f"{self.path} was moved, deleted or replaced while it was open; put it back, or "
                "start again what uses it"
            )
        if self.at_rest and any(_stamp(name) != was for name, was in self.at_rest.items()):
            raise FileChangedError(f"{self.path} was written to while it was read; look again")

    @property
    def moved(self) -> bool:
        """Whether the path leads to another file now, or to none."""
        try:
            found = os.stat(self.path)
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self.identity


def _settles_in(now: int, written: int) -> float:
    tick = _TICK if written % _SECOND else _COARSE_TICK
    age = now - written
    return (tick - age) / _SECOND if 0 <= age < tick else 0.0


def log_of(path: Path) -> Path:
    """Return where SQLite keeps what is not in the file yet; it follows symbolic links."""
    return Path(f"{os.path.realpath(path)}-wal")


def _stamps(path: str) -> dict[str, _Stamp]:
    real = os.path.realpath(path)
    return {name: _stamp(name) for name in (real, f"{real}-wal", f"{real}-journal")}


def _stamp(name: str) -> _Stamp:
    """Return what tells one content of a file from another; None: there is none."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return None
    if not found.st_size:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
