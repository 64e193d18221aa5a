"""In a real terminal: blame, lineage, two runs side by side, and getting about in a history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.end_to_end.terminal import SAGAZ, Terminal
from tests.screen.recorded import counting_snapshots, record
from tests.screen.replayed import fail_parcel, replay_parcel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store in it: a parcel that could not be paid, and its replay."""

    async def record_parcel() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
            await fail_parcel(storage)
            await replay_parcel(storage)

    asyncio.run(record_parcel())
    return tmp_path


def test_two_runs_are_compared_in_80_columns_of_ascii_without_colour(folder: Path) -> None:
    plain = {"NO_COLOR": "1", "LC_ALL": "C", "LANG": "C"}
    command = [SAGAZ, "tui", "parcel_1"]
    with Terminal(command, cwd=folder, columns=80, rows=24, env=plain) as terminal:
        terminal.wait_for("x charge failed")
        terminal.type("c")
        terminal.wait_for(r" a +parcel_1 .*x failed at charge")
        terminal.wait_for(r" b +parcel_1~r1 .*completed")
        terminal.wait_for(r">! charge +x failed +\S+ done .*outcome")
        terminal.wait_for("PermissionError: token expired")
        terminal.type("n")
        terminal.wait_for(r">! send +\S+ not reached +\S+ done")
        terminal.type("x")
        terminal.wait_for(r" a +parcel_1~r1 (?s:.*)>! send +\S+ done +\S+ not reached")
        terminal.type("x")
        terminal.wait_for(r" a +parcel_1 (?s:.*)>! send")
        terminal.type("\r")
        terminal.wait_for("#4/4 completed")
        terminal.type("\x1b")
        terminal.wait_for(">! send")
        terminal.type("\x1b")
        terminal.wait_for("x charge failed")
        terminal.type("t")
        terminal.wait_for(r"parcel_1~r1 +completed")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        assert bytes(terminal.sent).isascii()
        assert terminal.is_grey


def test_blame_tells_who_set_each_value_and_leads_there(tmp_path: Path) -> None:
    async def count() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
            await record(storage, counting_snapshots(5))

    asyncio.run(count())
    with Terminal([SAGAZ, "tui", "count_1"], cwd=tmp_path) as terminal:
        terminal.wait_for(r"2 Context @#5(?s:.*)count +5 ")
        terminal.type("b")
        terminal.wait_for(r"Blame count .* 5 values")
        steps = [f"#{number} .*step_00{number - 1} +{number} " for number in (5, 4, 3, 2)]
        terminal.wait_for("(?s:.*)".join([*steps, "#1 .*the start +1 "]))
        terminal.type("jj")
        terminal.wait_for("▌ *#3 ")
        terminal.type("\r")
        terminal.wait_for(r"#3/5 before_step step_003(?s:.*)2 Context @#3(?s:.*)count +3 ")
        terminal.wait_for(r"▌ ?3 ○ before step_003")
        assert "Blame" not in terminal.text
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_marks_and_the_palette_lead_about_in_a_history(folder: Path) -> None:
    with Terminal([SAGAZ, "tui", "parcel_1"], cwd=folder) as terminal:
        terminal.wait_for("charge failed")
        terminal.type("g")
        terminal.wait_for("2 Context @#1 ")
        terminal.type("m:#3\r")
        terminal.wait_for("2 Context @#3 ")
        terminal.type("'")
        terminal.wait_for(r"#1 \(mark\) → #3")
        terminal.type(":where kind == 'failed'\r")
        terminal.wait_for("2 Context @#6 ")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
