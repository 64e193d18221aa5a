"""Both backends keep the whole contract."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.memory import MemoryBackend
from sagaz_core.storage.backends.sqlite import SQLiteBackend
from sagaz_core.testing import StorageContract


class TestMemory(StorageContract):
    """The store in this process."""

    stores: ClassVar[dict[Path, MemoryBackend]] = {}

    def make_backend(self, place: Path) -> Backend:
        return self.stores.setdefault(place, MemoryBackend())


class TestSQLite(StorageContract):
    """The store in a file."""

    def make_backend(self, place: Path) -> Backend:
        return SQLiteBackend(place)
