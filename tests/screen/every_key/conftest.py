"""A store that is written to first, and then looked at as the program opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.settings import Settings


@pytest.fixture
async def written(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """Where a test records what is to be looked at."""
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        yield storage


@pytest.fixture
def looked_at(tmp_path: Path) -> SnapshotStorage:
    """The same store to whoever looks: whatever the keys do, nothing can be written."""
    return SQLiteSnapshotStorage(tmp_path / "s.db", read_only=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What leads another process to that store."""
    return Settings(storage_url=f"sqlite:///{tmp_path / 's.db'}")
