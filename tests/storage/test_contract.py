"""Every store of ours keeps the whole contract."""

from __future__ import annotations

from pathlib import Path

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.memory import MemoryBackend
from sagaz_core.storage.backends.sqlite import SQLiteBackend
from sagaz_core.testing import StorageContract


class TestMemory(StorageContract):
    """Memory; a place is a backend that was made for it."""

    def make_backend(self, place: Path) -> Backend:
        return MemoryBackend()


class TestSQLite(StorageContract):
    """SQLite, on a real file."""

    def make_backend(self, place: Path) -> Backend:
        return SQLiteBackend(place)
