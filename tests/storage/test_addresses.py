"""Stores are named by addresses, sagas by ids; what is neither is said so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sagaz_core
from sagaz_core.errors import (
    InvalidSagaIdError,
    ReadOnlyStoreError,
    SagaNotFoundError,
    SnapshotNotFoundError,
    UsageError,
)
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage import backends
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.listing import check_saga_id
from sagaz_core.storage.url import open_storage


async def test_a_relative_and_a_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///a.db", f"sqlite:///{tmp_path}/a.db", "sqlite:///odd%20%23name%3F.db"):
        async with open_storage(url) as storage:
            await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))
    assert {path.name for path in tmp_path.iterdir()} == {"a.db", "odd #name?.db"}
    async with open_storage("sqlite:///a.db", read_only=True) as storage:
        assert storage.read_only
        assert storage.name == "a.db"
        assert len(await storage.list_snapshots("s")) == 2


def test_memory_has_an_address() -> None:
    assert isinstance(open_storage("memory://"), InMemorySnapshotStorage)


async def test_memory_opened_to_look_only_refuses_writes() -> None:
    storage = open_storage("memory://", read_only=True)
    with pytest.raises(ReadOnlyStoreError):
        await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))


@pytest.mark.parametrize(
    "url", ["", "a.db", "mysql://x", "sqlite:", "sqlite://a.db", "sqlite:///", "redis://["]
)
def test_any_other_address_is_refused_with_one_that_would_do(url: str) -> None:
    with pytest.raises(UsageError, match=r"sqlite:///|redis://HOST"):
        open_storage(url)


@pytest.mark.parametrize("saga_id", ["a", "x" * 256, "../*%{}", "order 1", "é🚚", "a/b", "~r1"])
async def test_an_ordinary_id(saga_id: str) -> None:
    storage = InMemorySnapshotStorage()
    await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="S"))
    assert [each.saga_id for each in await storage.list_snapshots()] == [saga_id]


@pytest.mark.parametrize("saga_id", ["", "x" * 257, "a\0b", "a\nb", "a\x1b[31m", "\ud800", 7, None])
async def test_an_id_that_cannot_be_one(saga_id: Any) -> None:
    with pytest.raises(InvalidSagaIdError, match=r"a saga id"):
        check_saga_id(saga_id)
    storage = InMemorySnapshotStorage()
    with pytest.raises(InvalidSagaIdError):
        await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="S"))
    with pytest.raises(InvalidSagaIdError):
        storage.writer(saga_id=saga_id, saga_name="S")


async def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        with pytest.raises(SagaNotFoundError, match="sagaz sagas"):
            await storage.get_checkpoint("nobody", 1)
        with pytest.raises(SagaNotFoundError):
            await storage.get_run("nobody")
        await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))
        with pytest.raises(SnapshotNotFoundError, match="sagaz show s"):
            await storage.get_checkpoint("s", 2)
        with pytest.raises(UsageError, match="unknown status"):
            await storage.list_sagas(status="broken")
        assert await storage.get_saga("nobody") is None
        assert await storage.get_snapshot("nothing") is None
        assert await storage.list_checkpoints("nobody") == []


def in_a_fresh_process(code: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    return found.stdout.strip()


def test_every_public_name_is_there() -> None:
    for module in (sagaz_core, backends):
        assert sorted(module.__all__) == sorted(set(module.__all__))
        for name in module.__all__:
            assert getattr(module, name) is not None
            assert name in dir(module)
        with pytest.raises(AttributeError, match="nothing_like_it"):
            module.nothing_like_it  # noqa: B018
    assert set(sagaz_core.__all__) == set(sagaz_core._HOMES)


def test_importing_the_core_loads_no_driver() -> None:
    loaded = in_a_fresh_process(
        "import sys, sagaz_core, sagaz_core.storage.backends\n"
        "print(*{name.split('.')[0] for name in sys.modules}"
        " & {'aiosqlite', 'sqlite3', 'zstandard', 'ormsgpack', 'rich', 'textual', 'typer'})"
    )
    assert loaded == ""


def test_naming_the_memory_store_loads_no_sqlite() -> None:
    loaded = in_a_fresh_process(
        "import sys\nfrom sagaz_core.storage.backends import InMemorySnapshotStorage\n"
        "print('aiosqlite' in sys.modules)"
    )
    assert loaded == "False"
