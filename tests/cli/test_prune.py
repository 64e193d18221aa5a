"""``sagaz prune``: what it removes, what it tells, what it leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.testing.base import T0
from tests.cli.command import Command
from tests.storage.families import everything, record, replay

EXPIRED = T0 + timedelta(days=30)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "sagaz.db"

    async def fill() -> None:
        async with SQLiteSnapshotStorage(path) as storage:
            await record(storage, "old", outcome="failed", until=EXPIRED)
            await replay(storage, "old", until=EXPIRED)
            await record(storage, "new")

    asyncio.run(fill())
    return path


def sagas(path: Path) -> set[str]:
    async def read() -> set[str]:
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            return set(await everything(storage))

    return asyncio.run(read())


def test_expired_sagas_go(command: Command, store: Path) -> None:
    done = command("prune")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "removed  2 expired sagas",
        "with     6 checkpoints",
        "and      1 leftovers",
    ]
    assert done.err == ""
    assert sagas(store) == {"new"}


def test_a_dry_run_tells_what_would_go_and_changes_no_byte(command: Command, store: Path) -> None:
    before = store.read_bytes()
    done = command("prune", "--dry-run", "--format", "json")
    assert done.code == 0
    assert done.json == {"dry_run": True, "sagas": 2, "checkpoints": 6, "leftovers": 1}
    assert command("prune", "--dry-run").out.startswith("would remove  2 expired sagas")
    assert store.read_bytes() == before


@pytest.mark.usefixtures("store")
def test_the_real_run_removes_what_the_dry_run_told(command: Command) -> None:
    told = command("prune", "--dry-run", "--format", "json").json
    assert command("prune", "--format", "json").json == {**told, "dry_run": False}
    assert command("prune", "--format", "json").json["sagas"] == 0


def test_a_missing_store_is_not_made(command: Command, tmp_path: Path) -> None:
    done = command("prune")
    assert done.code == 4
    assert "there is no store at sagaz.db" in done.err
    assert list(tmp_path.iterdir()) == []


def test_settings_that_say_look_only_refuse_it(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_READ_ONLY", "1")
    done = command("prune")
    assert done.code == 4
    assert "was opened to look only" in done.err
    assert sagas(store) == {"old", "old~r1", "new"}
