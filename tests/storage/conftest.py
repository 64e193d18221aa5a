"""Stores of every kind for the tests of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.storage import SnapshotStorage
from tests.storage.kinds import KINDS, Stores


@pytest.fixture
def stores(tmp_path: Path, redis_url: str) -> Stores:
    """Makes stores of any kind."""
    return Stores(tmp_path, redis_url)


@pytest.fixture(params=KINDS)
async def any_storage(
    request: pytest.FixtureRequest, stores: Stores
) -> AsyncIterator[SnapshotStorage]:
    """An empty store of each kind in turn."""
    async with stores(request.param) as storage:
        yield storage


@pytest.fixture(params=["memory to sqlite", "sqlite to redis", "redis to memory"])
def kinds(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Every kind once as the source and once as the target."""
    source, _, target = request.param.partition(" to ")
    return source, target


@pytest.fixture
async def source(kinds: tuple[str, str], stores: Stores) -> AsyncIterator[SnapshotStorage]:
    async with stores(kinds[0], "source") as storage:
        yield storage


@pytest.fixture
async def target(kinds: tuple[str, str], stores: Stores) -> AsyncIterator[SnapshotStorage]:
    async with stores(kinds[1], "target") as storage:
        yield storage
