"""A store of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
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
