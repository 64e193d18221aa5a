"""A store of any kind by its name, for tests that every kind must pass."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.storage import SnapshotStorage

KINDS: Final = ("memory", "sqlite", "redis")


class Stores:
    """Makes stores of this test's own.

    Args:
        folder: where files go; its name keeps keys on a server apart too.
        redis_url: the server.
    """

    def __init__(self, folder: Path, redis_url: str) -> None:
        self._folder = folder
        self._redis_url = redis_url

    def __call__(self, kind: str, name: str = "store") -> SnapshotStorage:
        """Return a store, not opened yet; the same name is the same store, but in memory."""
        if kind == "memory":
            return InMemorySnapshotStorage()
        if kind == "sqlite":
            return SQLiteSnapshotStorage(self._folder / f"{name}.db")
        return RedisSnapshotStorage(self._redis_url, key_prefix=f"{self._folder}/{name}:")
