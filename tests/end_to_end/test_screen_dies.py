"""The screen may die in the middle of a replay; the replay goes on and acts once."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.end_to_end import shop
from tests.end_to_end.terminal import SAGAZ, Terminal

SIGNALS = (signal.SIGKILL, signal.SIGHUP)
ROUNDS = 60


@pytest.fixture
async def failed_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An order that failed at its charge and rolled back, in a store with its settings."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(shop.__file__, tmp_path / "shop.py")
    Path("sagaz.toml").write_text('storage_url = "sqlite:///sagaz.db"\nsagas = ["shop"]\n')
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        saga = shop.ShopSaga({"order_id": "7"}, saga_id="order_7", snapshot_storage=storage)
        result = await saga.execute()
    assert (result.status, result.compensation) == ("failed", "completed")
    Path("gateway-up").touch()
    return "order_7"


def ledger() -> list[str]:
    """The effects in the ledger of this folder, in order."""
    path = Path("ledger.txt")
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


async def wait_until_replay_ends() -> str:
    """Wait for the replay's end in the store; return its outcome."""
    deadline = time.monotonic() + 20
    async with SQLiteSnapshotStorage("sagaz.db", read_only=True) as storage:
        cursor = None
        while time.monotonic() < deadline:
            entries = await storage.list_replays("order_7")
            if entries and entries[0].outcome != "running":
                return entries[0].outcome
            cursor = await storage.wait(cursor, 1.0)
    raise AssertionError("the replay never ended")


async def lose_the_screen(tmp_path: Path, signum: signal.Signals) -> None:
    """Let the screen die while its replay charges, and see that replay end."""
    with Terminal([SAGAZ, "tui", "order_7"], cwd=tmp_path) as terminal:
        terminal.wait_for("GatewayDown")
        terminal.type("R")
        terminal.wait_for("runs again")
        terminal.type("\r")
        deadline = time.monotonic() + 20
        while "charged" not in ledger() and time.monotonic() < deadline:
            terminal.pump()
        terminal.kill(signum)
        terminal.wait_for_end()

    Path("gateway-answers").touch()
    assert await wait_until_replay_ends() == "success"
    assert ledger() == ["reserved", "released", "reserved", "charged", "shipped"]


@pytest.mark.usefixtures("failed_order")
@pytest.mark.parametrize("signum", SIGNALS)
async def test_a_replay_outlives_its_screen_acts_once_and_the_next_screen_shows_it(
    tmp_path: Path, signum: signal.Signals
) -> None:
    await lose_the_screen(tmp_path, signum)
    with Terminal([SAGAZ], cwd=tmp_path) as terminal:
        terminal.wait_for("3 All 2")
        terminal.type("3")
        terminal.wait_for(r"order_7~r1[^\n]*")
        terminal.type("\r")
        terminal.wait_for("p log")
        terminal.type("p")
        terminal.wait_for("Log ─")
        terminal.wait_for(r"order_7~r1: completed ship|outcome +success")


@pytest.mark.torture
@pytest.mark.usefixtures("failed_order")
@pytest.mark.parametrize("signum", [signum for _ in range(ROUNDS) for signum in SIGNALS])
async def test_a_replay_outlives_its_screen_time_and_again(
    tmp_path: Path, signum: signal.Signals
) -> None:
    await lose_the_screen(tmp_path, signum)


async def test_r_and_enter_in_one_write_start_nothing(failed_order: str, tmp_path: Path) -> None:
    with Terminal([SAGAZ, "tui", failed_order], cwd=tmp_path) as terminal:
        terminal.wait_for("GatewayDown")
        terminal.type("R\r")
        terminal.wait_for("runs again")
        # What would have started is past its first action by the time the screen has gone.
        terminal.type("\x1b")
        terminal.wait_for("GatewayDown")
        terminal.type("qq")
        terminal.wait_for_end()
    async with SQLiteSnapshotStorage("sagaz.db", read_only=True) as storage:
        assert await storage.list_replays("order_7") == []
    assert ledger() == ["reserved", "released"]
