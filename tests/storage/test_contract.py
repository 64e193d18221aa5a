"""Every backend keeps the whole contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
import redis.asyncio

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.memory import MemoryBackend
from sagaz_core.storage.backends.redis import RedisBackend
from sagaz_core.storage.backends.sqlite import SQLiteBackend
from sagaz_core.testing import StorageContract, VolatileStorageContract


class TestMemory(VolatileStorageContract):
    """The store in this process."""

    stores: ClassVar[dict[Path, MemoryBackend]] = {}

    def make_backend(self, place: Path) -> Backend:
        return self.stores.setdefault(place, MemoryBackend())


class TestSQLite(StorageContract):
    """The store in a file."""

    def make_backend(self, place: Path) -> Backend:
        return SQLiteBackend(place)

    async def make_too_new(self, place: Path) -> None:
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA user_version = 999")


class TestRedis(StorageContract):
    """The store on a server."""

    url: str

    @pytest.fixture(autouse=True)
    def _server(self, redis_url: str) -> None:
        self.url = redis_url

    def make_backend(self, place: Path) -> Backend:
        return RedisBackend(self.url, key_prefix=f"{place}:")

    async def make_too_new(self, place: Path) -> None:
        async with redis.asyncio.from_url(self.url) as client:
            await client.set(f"{place}:schema", 999)


def test_no_promise_of_the_contract_hides_another_of_the_same_name() -> None:
    tests = [
        name for part in StorageContract.__mro__ for name in vars(part) if name.startswith("test_")
    ]
    assert len(tests) == len(set(tests)) > 100
