"""A store with one failed order of a real shop, whose replay runs in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.end_to_end.shop import ShopSaga

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def terminal_that_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in no terminal that is known not to copy, whichever the tests are run from."""
    for name in ("VTE_VERSION", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SnapshotStorage]:
    """A store with an order whose charge failed, and the gateway up again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        context = {"order_id": "7", "token": "old"}
        saga = ShopSaga(context, saga_id="order_7", snapshot_storage=storage)
        await saga.execute()
        for sign in ("gateway-up", "gateway-answers"):
            Path(sign).touch()
        yield storage
