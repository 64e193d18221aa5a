"""A health check always has an answer, and it is the right one."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.backends.rows import SagaRow, StoreInfo
from tests.storage.families import record


async def test_a_store_that_answers_tells_what_it_holds(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "shop.db") as storage:
        await record(storage, "a", steps=2)
        report = await storage.health_check()
    assert (report.status, report.message) == ("ok", "shop.db answers")
    assert (report.sagas, report.checkpoints) == (1, 3)
    assert report.bytes is not None
    assert report.bytes >= 4096
    assert report.latency is not None
    assert 0 < report.latency < 1


async def test_a_missing_store_is_unavailable_and_says_why(tmp_path: Path) -> None:
    storage = SQLiteSnapshotStorage(tmp_path / "missing.db", read_only=True)
    report = await storage.health_check()
    assert report.status == "unavailable"
    assert "there is no store at" in report.message
    assert report.latency is report.sagas is report.checkpoints is report.bytes is None


async def test_a_server_out_of_reach_is_unavailable_and_says_so(closed_port: int) -> None:
    storage = RedisSnapshotStorage(f"redis://127.0.0.1:{closed_port}/0")
    report = await storage.health_check()
    assert report.status == "unavailable"
    assert str(closed_port) in report.message


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_a_store_that_hangs_is_unavailable_after_a_while() -> None:
    storage = InMemorySnapshotStorage()

    async def hang(saga_id: str) -> SagaRow | None:
        await asyncio.Event().wait()
        raise AssertionError

    storage.backend.saga = hang  # type: ignore[method-assign]
    report = await storage.health_check(timeout=0.05)
    assert report.status == "unavailable"
    assert report.message == "memory has not answered within 0.05 s"


async def test_a_store_that_cannot_say_what_it_holds_is_degraded() -> None:
    storage = InMemorySnapshotStorage()

    async def fail() -> StoreInfo:
        raise StorageUnavailableError("it is being moved")

    storage.backend.info = fail  # type: ignore[method-assign]
    report = await storage.health_check()
    assert (report.status, report.message) == ("degraded", "it is being moved")
    assert report.latency is not None


async def test_it_recovers_with_its_store(tmp_path: Path) -> None:
    storage = SQLiteSnapshotStorage(tmp_path / "shop.db", read_only=True)
    assert (await storage.health_check()).status == "unavailable"
    async with SQLiteSnapshotStorage(tmp_path / "shop.db") as writing:
        await record(writing, "a")
        assert (await storage.health_check()).status == "ok"
    await storage.close()
