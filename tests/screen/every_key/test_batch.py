"""Every key of a batch does what the table says of it: before it runs, under way, and over."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import BatchReplay, BatchSelection
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.batch.request import BatchRequest
from sagaz_tui.batch.run import BatchRun
from sagaz_tui.screens.batch_preview import BatchPreviewScreen
from sagaz_tui.settings import Settings
from tests.screen.every_key.test_replaying import StuckKeyParcel
from tests.screen.every_key.walking import (
    EVERYWHERE,
    Step,
    by_line,
    chosen,
    copied,
    gone,
    leave,
    walk,
)
from tests.screen.looking import until_painted
from tests.screen.replayed import fail_parcel

IDS = tuple(f"parcel_{number}" for number in range(1, 13))
COPIED = (
    "sagaz replay batch --ids - --override-file each.csv <<'IDS'\n" + "\n".join(IDS) + "\nIDS\n"
)
PREVIEW = (
    *by_line("batch", gone("12 of 12 would run"), "12 of 12 would run"),
    Step("batch.edit", "e", "Edits for all"),
    Step("", "escape", gone("Edits for all")),
    Step("batch.edit", "f5", "Edits for all"),
    Step("", (*"token=t", "enter"), "1 staged"),
    Step("batch.undo", "z", gone("1 staged")),
    Step("batch.redo", "Z", "1 staged"),
    Step("batch.undo", "f7", gone("1 staged")),
    Step("batch.redo", "f8", "1 staged"),
    Step("", "z", gone("1 staged")),
    Step("batch.file", "f", " file a .csv"),
    Step("", "escape", gone(" file a .csv")),
    Step("batch.file", "f6", " file a .csv"),
    Step("", tuple("each.csv"), " file each.csv"),
    Step("file.take", "enter", "each.csv sets values in 1 of them"),
    Step("batch.copy", "Y", copied(COPIED)),
    Step("", ("f", *["backspace"] * 8, "enter"), gone("each.csv sets")),
    Step("batch.copy", "f9", copied(COPIED.replace(" --override-file each.csv", ""))),
)
BATCHES = (
    Step("list.batches", "B", "─ Batches ─"),
    *by_line("batches", chosen("stopped"), chosen("interrupted")),
    Step("batches.open", "enter", "INTERRUPTED"),
    Step("progress.copy", "Y", copied("sagaz replay batch --resume batch-b")),
    Step("progress.resume", "R", "Go on with the batch"),
    Step("resume.in-doubt", "i", "those steps run again"),
    Step("resume.in-doubt", "f3", "those steps are taken as done"),
    Step("resume.confirm", "enter", "RUNNING"),
)
PROGRESS = (
    Step("progress.down", "j", chosen("parcel_2~r1")),
    Step("progress.down", "down", chosen("parcel_3~r1")),
    Step("progress.up", "k", chosen("parcel_2~r1")),
    Step("progress.up", "up", chosen("parcel_1~r1")),
    Step("progress.stop", "X", "STOPPING"),
    Step("progress.open", "enter", "parcel_1~r1 is not in this store"),
)
DOUBT = (
    Step("batch.in-doubt", "i", "steps in doubt run again"),
    Step("batch.in-doubt", "f3", "steps in doubt are taken as done"),
)
WALKS = (PREVIEW, BATCHES, PROGRESS, DOUBT, (Step("batch.run", "enter", "3 of 9"),))


class Endless(BatchRun):
    """A batch that goes on, whatever it is told."""

    @property
    def over(self) -> bool:
        return False

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
async def parcels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SnapshotStorage]:
    """A dozen parcels that failed, and two batches of which one was interrupted."""
    monkeypatch.chdir(tmp_path)
    Path("each.csv").write_text("saga_id,token\nparcel_2,t2\n")
    run = endless(tmp_path)
    monkeypatch.setattr(BatchRun, "start", lambda *_: run)
    monkeypatch.setattr(BatchRun, "resume", lambda *_, **how: run)
    async with SQLiteSnapshotStorage("s.db") as storage:
        for number in range(1, 13):
            await fail_parcel(storage, f"parcel_{number}")
        await fail_parcel(storage, "left")
        await StuckKeyParcel({}, saga_id="stuck", snapshot_storage=storage).execute()
        stopped = BatchReplay(storage, BatchSelection(saga_ids=("left",)))
        await stopped.run()
        (entry,) = await storage.list_batches()
        ago = entry.started_at - timedelta(hours=1)
        await storage.save_batch(replace(entry, status="stopped", started_at=ago))
        items = (*entry.items, ("parcel_1", "ReplayedParcel", "charge", None))
        begun = replace(
            entry, batch_id="batch-b", items=items, status="running", counts={"in_doubt": 1}
        )
        await storage.save_batch(replace(begun, started_at=ago + timedelta(minutes=1)))
    # As the program opens it: whatever the keys do, nothing can be written.
    async with SQLiteSnapshotStorage("s.db", read_only=True) as storage:
        yield storage


async def test_before_it_runs_under_way_and_over(parcels: SnapshotStorage) -> None:
    app = SagazApp(parcels, Settings(storage_url="sqlite:///s.db"), ascii=False)
    async with app.run_test(size=(90, 12), notifications=True) as pilot:
        await until_painted(pilot, "1 Failed 14")
        await walk(pilot, BATCHES)
        await walk(pilot, (Step("", "escape", gone("RUNNING")),))
        app.push_screen(BatchPreviewScreen(BatchRequest(("stuck",))))
        await until_painted(pilot, "There is nothing to run.", "i in doubt")
        await walk(pilot, (*DOUBT, Step("", "escape", gone("in doubt"))))
        app.push_screen(BatchPreviewScreen(BatchRequest(IDS)), app.screen._batch_started)
        await until_painted(pilot, "12 of 12 would run", "enter replays")
        await walk(pilot, (*EVERYWHERE, *PREVIEW, *WALKS[-1], *EVERYWHERE[:-1], *PROGRESS))
        await leave(pilot)


def endless(folder: Path) -> BatchRun:
    """A batch of nine of which three have failed so far."""
    at = {"at": "2026-07-03T03:12:07+00:00", "batch_id": "b", "total": 9}
    told: list[dict[str, Any]] = [{"event": "batch_started", "done": 0, **at}]
    for n in (1, 2, 3):
        ids = {"saga_id": f"parcel_{n}", "new_saga_id": f"parcel_{n}~r1", "state": "failed"}
        told.append({"event": "item_ended", "done": n, "error": "no", "reason": None, **ids, **at})
    log = folder / "batch.log"
    log.write_text("".join(json.dumps(each) + "\n" for each in told))
    return Endless(1 << 22, log)
