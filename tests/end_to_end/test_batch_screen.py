"""A batch from the screen in a real terminal, which may go away in the middle of it."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.end_to_end import shop
from tests.end_to_end.terminal import SAGAZ, Terminal


@pytest.fixture
async def failed_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three orders whose charge failed, in a store with its settings; the gateway is back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    shutil.copy(shop.__file__, tmp_path / "shop.py")
    Path("sagaz.toml").write_text('storage_url = "sqlite:///sagaz.db"\nsagas = ["shop"]\n')
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        for number in "789":
            context = {"order_id": number}
            saga = shop.ShopSaga(context, saga_id=f"order_{number}", snapshot_storage=storage)
            await saga.execute()
    Path("gateway-up").touch()
    Path("ledger.txt").unlink()
    return tmp_path


@pytest.mark.parametrize(
    "signum", [signal.SIGKILL, pytest.param(signal.SIGHUP, marks=pytest.mark.torture)]
)
def test_a_batch_outlives_its_terminal_and_the_next_screen_finds_it(
    failed_orders: Path, signum: signal.Signals
) -> None:
    with Terminal([SAGAZ], cwd=failed_orders) as terminal:
        terminal.wait_for("1 Failed 3")
        terminal.type("*")
        terminal.wait_for("3 marked")
        terminal.type("R")
        terminal.wait_for("enter replays 3 sagas")
        terminal.type("\r")
        terminal.wait_for(r"0 of 3(?s:.*)1 under way")
        terminal.kill(signum)
        terminal.wait_for_end()
    with Terminal([SAGAZ], cwd=failed_orders) as terminal:
        terminal.wait_for(r"batch 0 of 3 \(B\)")
        terminal.type("B")
        terminal.wait_for("running +3 sagas")
        terminal.type("\r")
        terminal.wait_for("replay of 3 sagas(?s:.*)RUNNING")
        Path("gateway-answers").touch()
        terminal.wait_for("COMPLETED(?s:.*)3 of 3(?s:.*)3 succeeded")
        terminal.type("q")
        terminal.wait_for_end()
    done = [line.split()[0] for line in Path("ledger.txt").read_text().splitlines()]
    assert sorted(done) == sorted(["reserved", "charged", "shipped"] * 3)
