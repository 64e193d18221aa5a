"""Keys typed before what they are meant for has been read are not lost."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.replay.batch import BatchReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.batches import BatchesScreen
from sagaz_tui.screens.lineage import LineageScreen
from sagaz_tui.settings import Settings
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.replayed import fail_parcel


def hold(patch: pytest.MonkeyPatch, name: str) -> asyncio.Event:
    """Have what is called so begin only once an event is set."""
    module, _, function = name.rpartition(".")
    let_go = asyncio.Event()
    called: Any = getattr(import_module(module), function)

    async def wait(*arguments: Any) -> Any:
        await let_go.wait()
        return await called(*arguments)

    patch.setattr(name, wait)
    return let_go


async def test_each_screen_has_them_wait_for_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        for number in (1, 2):
            await fail_parcel(storage, f"parcel_{number}")
        await BatchReplay(storage).run()
        family = hold(monkeypatch, "sagaz_core.history.lineage.lineage")
        batches = hold(monkeypatch, "sagaz_tui.screens.batches.list_standings")
        app = SagazApp(storage, Settings(), ascii=False)
        async with app.run_test(size=(80, 24)) as pilot:
            press(pilot, "enter", "h", "h")
            await until_painted(pilot, "▌1 ○ before weigh")
            press(pilot, "t", "j", "enter")
            await until(pilot, lambda: isinstance(app.screen, LineageScreen))
            family.set()
            await until_painted(pilot, "parcel_2~r1  ReplayedParcel")
            press(pilot, "escape", "escape", "B", "enter")
            await until(pilot, lambda: isinstance(app.screen, BatchesScreen))
            batches.set()
            await until_painted(pilot, "stopped because the first that ran")
            press(pilot, ":", *"light", "enter")
            await until(pilot, lambda: app.theme == "sagaz-light")


async def test_one_that_leads_back_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        await fail_parcel(storage)
        hold(monkeypatch, "sagaz_tui.screens.batches.list_standings")
        monkeypatch.setattr("sagaz_tui.screens.base.PATIENCE", 3600.0)
        app = SagazApp(storage, Settings(), ascii=False)
        async with app.run_test(size=(80, 24)) as pilot:
            await until_painted(pilot, "1 Failed 1")
            press(pilot, "B")
            await until_painted(pilot, "reading…")
            assert "enter open" not in painted(app)
            press(pilot, "escape")
            await until_painted(pilot, "1 Failed 1", "enter open")
