"""Comparing, lineage, marks, pins and the palette change no row of a store."""

from __future__ import annotations

from pathlib import Path

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.screen.looking import press, until_painted
from tests.screen.replayed import fail_parcel, replay_parcel
from tests.screen.test_debugger import debugging, row_hash


async def test_whatever_is_asked_of_a_saga_changes_no_row(tmp_path: Path) -> None:
    path = tmp_path / "sagaz.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await fail_parcel(storage)
        await replay_parcel(storage)
        before = row_hash(path)
        async with debugging(storage, "parcel_1", size=(200, 60)) as pilot:
            press(pilot, "c")
            await until_painted(pilot, "▌≠ charge")
            press(pilot, "n", "N", "G", "x")
            await until_painted(pilot, " a  parcel_1~r1 ")
            press(pilot, "enter")
            await until_painted(pilot, "#6/6 failed")
            press(pilot, "escape", "escape", "t")
            await until_painted(pilot, "Lineage of parcel_1")
            press(pilot, "j", "escape", "g", "m", "l", "'")
            await until_painted(pilot, "#1 (mark) → #2")
            press(pilot, "4", "v", "escape", "2", "w", ":", *"#3", "enter")
            await until_painted(pilot, "2 Context @#3")
            press(pilot, ":", *"where ctx.to == 'Basel'", "enter")
            await until_painted(pilot, "2 Context @#1 ")
        assert row_hash(path) == before
