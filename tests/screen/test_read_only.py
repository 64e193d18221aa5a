"""A store that was opened to look only: the keys that would act say why they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core.replay.batch import BatchReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.batch import BatchScreen
from sagaz_tui.settings import Settings
from tests.screen.every_key.test_batch import endless
from tests.screen.every_key.walking import Step, gone, leave, walk
from tests.screen.looking import painted, press, until_painted
from tests.screen.replayed import fail_parcel

REFUSED = "Opened read-only, so nothing is replayed"
PLAN = (
    Step("", "R", REFUSED),
    Step("", ("enter", "s"), "GHOST  NOTHING HAS RUN"),
    Step("", "escape", REFUSED),
    Step("", "escape", "1 Failed 2"),
)
BATCH = (
    Step("", ("*", "R"), REFUSED),
    Step("", ("enter", "e"), "Edits for all"),
    Step("", "escape", gone("Edits for all")),
    Step("", "escape", "• 2 marked"),
    Step("", "escape", gone("marked")),
    Step("", "B", "stopped"),
    Step("", "enter", "Opened read-only, so it is not gone on with"),
    Step("", "R", "▌ Opened read-only, so it is not"),
    Step("", "escape", "1 Failed 2"),
)
DEBUGGER = (
    Step("", "enter", "1 Timeline"),
    Step("", "R", "so nothing is replayed"),
    Step("", "X", "so nothing is stopped"),
    Step("", (*"eto=Bern", "enter"), "1 staged"),
    Step("", "z", gone("1 staged")),
    Step("", "d", "This only shows it."),
    Step("", "escape", "1 Timeline"),
)


async def test_every_key_that_would_act_says_why_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with SQLiteSnapshotStorage("s.db") as storage:
        for number in (1, 2):
            await fail_parcel(storage, f"parcel_{number}")
        # The first that fails again stops it, so that one is left.
        await BatchReplay(storage).run()
        replays = await storage.list_replays()
    settings = Settings(storage_url="sqlite:///s.db", read_only=True, allow=("view",))
    looked_at = SQLiteSnapshotStorage("s.db", read_only=True)
    app = SagazApp(looked_at, settings, ascii=False)
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        await until_painted(pilot, "1 Failed 2", "READ ONLY  MAY VIEW")
        await walk(pilot, (*PLAN, *BATCH, *DEBUGGER))
        app.push_screen(BatchScreen(endless(tmp_path)))
        await until_painted(pilot, "RUNNING")
        press(pilot, "X")
        await until_painted(pilot, "so nothing is stopped")
        assert "STOPPING" not in painted(app)
        assert await looked_at.list_replays() == replays
        await leave(pilot)
