"""Whatever has a row, a tab or a place can be clicked; nothing needs a click."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_tui.settings import Settings
from tests.screen.every_key.walking import Look, chosen, lit, shown
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import counting_snapshots, order_snapshots, record
from tests.screen.replayed import fail_parcel, replay_parcel
from tests.screen.test_debugger import debugging


async def click(pilot: Pilot[None], text: str, brings: str | Look) -> None:
    """Click where a text stands, and see what that brings about."""
    words, sees = shown(brings) if isinstance(brings, str) else brings
    assert not sees(pilot.app), f"before a click on {text}: {words}\n{painted(pilot.app)}"
    lines = painted(pilot.app).splitlines()
    (place, *_) = [(line.index(text) + 1, y) for y, line in enumerate(lines) if text in line]
    await pilot.click(offset=place)
    await until(pilot, lambda: sees(pilot.app), f"by a click on {text}: {words}")


async def test_in_the_panes_of_the_debugger() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, order_snapshots())
        await record(storage, counting_snapshots(60))
        async with debugging(storage, size=(100, 30)) as pilot:
            await until_painted(pilot, "▌3 ✗ charge")
            await click(pilot, "Diff 0", "nothing changed")
            await click(pilot, "Step ─", "try 1")
            await click(pilot, "Error", "ask for another")
            await click(pilot, "cart ", chosen("cart"))
            await click(pilot, "cart ", "▾ cart")
            await click(pilot, "4 ◇ undo", "▌4 ◇")
            assert lit("1 Timeline").sees(pilot.app)
            press(pilot, "escape")
        async with debugging(storage, "count_1", (100, 30)) as pilot:
            press(pilot, "b")
            await until_painted(pilot, "▌▸#60")
            await click(pilot, "#58", chosen("#58"))
            await click(pilot, "#58", "2 Context @#58")
            press(pilot, ":")
            await until_painted(pilot, "▌ next checkpoint")
            await click(pilot, "first checkpoint", "2 Context @#1 ")


async def test_in_what_is_about_other_runs_and_the_replay(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await fail_parcel(storage)
        await replay_parcel(storage, token="expired")
        settings = Settings(storage_url=f"sqlite:///{path}")
        async with debugging(storage, "parcel_1", (100, 30), settings) as pilot:
            press(pilot, "t")
            await until_painted(pilot, "▌✗ parcel_1 ")
            await click(pilot, "parcel_1~r1", chosen("parcel_1~r1"))
            await click(pilot, "parcel_1~r1", "parcel_1~r1  ReplayedParcel")
            press(pilot, "escape", "c")
            await until_painted(pilot, "STEP", "the end")
            await click(pilot, "the end", chosen("the end"))
            await click(pilot, "the end", "1 Timeline")
            press(pilot, "escape", "escape", "d")
            await until_painted(pilot, "from charge, restored", "r start")
            await click(pilot, "r start", "─ Start at")
            await until_painted(pilot, "▌ charge")
            await click(pilot, " weigh   ", "from weigh, restored")
            await click(pilot, "esc back", "1 Timeline")
