"""Every backend keeps the whole contract."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
import redis.asyncio

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.redis.backend import RedisBackend
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.testing import StorageContract, VolatileStorageContract
from sagaz_core.testing.redis_cluster import RedisClusterServers


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


@pytest.mark.torture
class TestRedisCluster(TestRedis):
    """The store on three servers that share it by slots: half a minute, and seldom otherwise
    than on one."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_cluster_url: str) -> None:
        self.url = redis_cluster_url

    async def make_too_new(self, place: Path) -> None:
        async with redis.asyncio.RedisCluster.from_url(self.url) as client:
            await client.set(f"{place}:schema", 999)


@pytest.fixture(scope="module")
def redis_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster."""
    with RedisClusterServers(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster.url


def test_no_promise_of_the_contract_hides_another_of_the_same_name() -> None:
    tests = [
        name for part in StorageContract.__mro__ for name in vars(part) if name.startswith("test_")
    ]
    assert len(tests) == len(set(tests)) > 100
