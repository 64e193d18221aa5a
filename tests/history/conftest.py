"""A store of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.storage import SnapshotStorage


@pytest.fixture(params=["memory", "sqlite"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    made: SnapshotStorage
    if request.param == "memory":
        made = InMemorySnapshotStorage()
    else:
        made = SQLiteSnapshotStorage(tmp_path / "orders.db")
    async with made:
        yield made


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def any_storage(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SnapshotStorage]:
    """A store of each of the three kinds."""
    made: SnapshotStorage
    if request.param == "memory":
        made = InMemorySnapshotStorage()
    elif request.param == "sqlite":
        made = SQLiteSnapshotStorage(tmp_path / "orders.db")
    else:
        url = request.getfixturevalue("redis_url")
        made = RedisSnapshotStorage(redis_url=url, key_prefix=f"{uuid4()}:")
    async with made:
        yield made
