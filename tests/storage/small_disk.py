"""A disk of its own that a test can fill, and give its space back."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend

_BYTES = 2 << 20
_LAZILY = 2


class SmallDisk:
    """A folder on a disk of two megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    async def fill(self, storage: SQLiteSnapshotStorage) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"\0" * size)

    async def free(self, storage: SQLiteSnapshotStorage) -> None:
        """Give the space back."""
        self._filler.unlink()


class LimitedFile(SmallDisk):
    """Where nobody may mount a disk: SQLite itself says that it is full."""

    async def fill(self, storage: SQLiteSnapshotStorage) -> None:
        await self._limit(storage, 1)

    async def free(self, storage: SQLiteSnapshotStorage) -> None:
        await self._limit(storage, 1 << 30)

    async def _limit(self, storage: SQLiteSnapshotStorage, pages: int) -> None:
        assert isinstance(storage.backend, SQLiteBackend)

        def limit(db: sqlite3.Connection) -> None:
            db.execute(f"PRAGMA max_page_count = {pages}")

        await storage.backend._file.run(limit)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a disk over a folder, or do what comes nearest."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = os.fsencode(folder)
    mounting = getattr(libc, "mount", None)
    if mounting is None or mounting(b"sagaz", place, b"tmpfs", 0, b"size=%d" % _BYTES):
        yield LimitedFile(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        libc.umount2(place, _LAZILY)
