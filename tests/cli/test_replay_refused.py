"""Replays that cannot be as they are asked for: one clear sentence, and nothing runs."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.replay.request import Request
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import Order, record_shop

RUN = ("replay", "run", "order_2", "--from-step", "charge")
MODES = [(), ("--dry-run",), ("--simulate",)]
RELEASED = threading.Event()


def hangs(context: dict[str, Any]) -> Order:
    """A factory that does not come back before the test's end."""
    RELEASED.wait()
    return Order(context)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(record_shop(path))
    return path


@pytest.fixture(autouse=True)
def store(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Factories are given a moment only."""
    RELEASED.clear()
    monkeypatch.setitem(Request.__init__.__kwdefaults__, "factory_timeout", 0.05)
    yield
    RELEASED.set()


def replays(command: Command) -> int:
    return len(command("replay", "history", "order_2", "--format", "json").json)


@pytest.mark.parametrize("mode", MODES)
def test_a_step_that_is_restored_cannot_be_made_to_fail(
    command: Command, mode: tuple[str, ...]
) -> None:
    done = command(*RUN, "--fail-at", "reserve", *mode)
    assert done.code == 1
    assert (
        "problem: step 'reserve' is restored and does not run, so it cannot be made to fail; "
        "choose one that runs: charge, ship\n"
    ) in done.out
    assert replays(command) == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", MODES)
def test_a_factory_that_hangs_is_given_up(command: Command, mode: tuple[str, ...]) -> None:
    done = command(*RUN, "--factory", "tests.cli.test_replay_refused:hangs", *mode)
    assert done.code == 1
    assert "problem: the saga factory has not returned within 0.05 seconds" in done.out
    assert replays(command) == 0


@pytest.mark.parametrize("digest", [False, True])
def test_a_saga_that_was_pruned_since_the_dry_run_is_not_replayed(
    command: Command, store: Path, digest: bool
) -> None:
    shown = command(*RUN, "--dry-run", "--format", "json").json["plan"]["digest"]

    async def prune() -> None:
        async with SQLiteSnapshotStorage(store) as storage:
            await storage.prune(datetime.now(UTC) + timedelta(days=31))

    asyncio.run(prune())
    done = command(*RUN, *(["--plan-digest", shown] if digest else []))
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("sagaz: no saga 'order_2'")
    assert done.err.count("\n") == 1
