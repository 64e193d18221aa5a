"""A marked checkpoint, and what differs between it and the cursor."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import Difference
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.debugger.moment import changes_among
from sagaz_tui.screens.blame import BlameScreen
from sagaz_tui.widgets.lines import line_text, line_width
from sagaz_tui.widgets.scrubber import ScrubberState, scrubber_line
from sagaz_tui.widgets.side_by_side import CHANGES_SHOWN, side_by_side
from sagaz_tui.widgets.timeline import TimelineState, timeline_row
from sagaz_tui.widgets.track import lay_out
from tests.screen.looking import painted, press, texts, until, until_painted
from tests.screen.recorded import counting_snapshots, order_checkpoints, order_snapshots, record
from tests.screen.test_debugger import debugging


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one failed order and one saga of 60 steps."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, order_snapshots())
        await record(storage, counting_snapshots(60))
        yield storage


async def test_a_mark_is_shown_and_the_diff_is_from_it_to_wherever_the_cursor_is(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "g", "l", "m")
        await until_painted(pilot, "▌ 2 ○ before step_002        M", "M = mark")
        press(pilot, *"lll", "'")
        await until_painted(pilot, "#2 (mark) → #5", "~ /count  2 → 5", "Diff 1")
        press(pilot, "l")
        await until_painted(pilot, "#2 (mark) → #6", "~ /count  2 → 6")
        press(pilot, "g")
        await until_painted(pilot, "#1 → #2 (mark)", "~ /count  1 → 2")


async def test_esc_or_the_key_again_comes_back_to_the_diff_of_one_step(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        for back in ("'", "escape"):
            press(pilot, "g", "m", "l", "l", "'")
            await until_painted(pilot, "#1 (mark) → #3")
            press(pilot, back)
            await until_painted(pilot, "#2→#3, by step_002")
            press(pilot, "g", "m")
            await until(pilot, lambda: "M = mark" not in painted(pilot.app), "no mark")


async def test_a_marked_diff_comes_before_the_error_until_it_is_left(
    store: SnapshotStorage,
) -> None:
    async with debugging(store) as pilot:
        press(pilot, "g", "m", "f", "'")
        await until_painted(pilot, "#1 (mark) → #3", "+ /reserve")
        press(pilot, "escape")
        await until_painted(pilot, "CardDeclined: token expired")


async def test_the_mark_and_the_cursor_may_be_one(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "m", "'")
        await until_painted(pilot, "#3 (mark) is where the cursor is", "nothing changed")
        press(pilot, "m")
        await until_painted(pilot, "CardDeclined: token expired")


async def test_a_held_key_never_compares_twice_at_once_and_ends_with_the_last(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Semaphore(1)
    together: list[bool] = []
    go_on = threading.Event()

    def slow(before: Any, after: Any, keys: set[str]) -> tuple[Difference, ...]:
        together.append(not going.acquire(blocking=False))
        go_on.wait(10)
        going.release()
        return changes_among(before, after, keys)

    async with debugging(store, "count_1") as pilot:
        press(pilot, "g", "m")
        await until_painted(pilot, "M = mark")
        monkeypatch.setattr("sagaz_tui.screens.explorer.changes_among", slow)
        press(pilot, "'")
        for number in (2, 3, 4):
            press(pilot, "l")
            await until_painted(pilot, f"2 Context @#{number} ")
        go_on.set()
        await until_painted(pilot, "#1 (mark) → #4", "~ /count  1 → 4")
        assert together == [False, False]


async def test_a_store_out_of_reach_is_named_in_place_of_the_diff(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "g", "m")
        await until_painted(pilot, "M = mark")
        press(pilot, "G")
        await until_painted(pilot, "2 Context @#60 ")
        debugger = pilot.app.screen
        session: Any = debugger._session  # type: ignore[attr-defined]
        read = session.moment

        async def gone(sequence: int) -> Any:
            if sequence == 1:
                raise StorageUnavailableError("the disk is gone; mount it again")
            return await read(sequence)

        monkeypatch.setattr(session, "moment", gone)
        press(pilot, "'")
        await until_painted(pilot, "the disk is gone; mount it again")


async def test_looking_over_the_debugger_leaves_the_mark_where_it_is(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "g", "m", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BlameScreen), "blame")
        press(pilot, "escape")
        await until_painted(pilot, "M = mark")


def test_the_mark_has_its_place_on_scrubber_and_timeline() -> None:
    checkpoints = Checkpoints.of(order_checkpoints())
    track = lay_out(checkpoints, 70)
    state = ScrubberState(checkpoints, cursor=2, start=1, mark=4)
    line = line_text(scrubber_line(2, state, track, 80))
    assert line.index("M") == 7 + track.columns[4]
    assert line.rstrip().endswith("R = replay start  M = mark")
    both = TimelineState(checkpoints, cursor=2, start=1, mark=1)
    assert texts([timeline_row(both, 1, 32)])[0].endswith("M R")
    only = TimelineState(checkpoints, cursor=2, start=1, mark=0)
    assert texts([timeline_row(only, 0, 32)])[0].endswith("M")


# ---------------------------------------------------------------- side by side


async def test_v_lays_before_and_after_side_by_side(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1", size=(80, 24)) as pilot:
        press(pilot, "g", "l", "3", "v")
        await until(pilot, lambda: re.search(r"~ /count +\n +1 +│ 2", painted(pilot.app)), "both")
        press(pilot, "v")
        await until_painted(pilot, " ~ /count  1 → 2")


def test_long_texts_are_laid_line_beside_line_from_where_they_differ() -> None:
    before = "\n".join(["same"] * 500 + ["    old line", "after"])
    after = "\n".join(["same"] * 500 + ["    new line", "extra", "after"])
    change = Difference("/note", "changed", before, after)
    lines = texts(side_by_side("#1→#2", [change], 40))
    assert lines[:2] == [" #1→#2", " ~ /note"]
    assert lines[2].startswith("   …")
    assert lines[-3:] == [
        "       old line      │     new line",
        "                     │ extra",
        "   after             │ after",
    ]


def test_another_type_is_named() -> None:
    change = Difference("/n", "type_changed", 1, 1.0)
    assert texts(side_by_side("#1→#2", [change], 40))[1] == " ~ /n   int → float"


def test_no_more_than_can_be_read_is_laid_out() -> None:
    changes = [Difference(f"/{n}", "changed", n, n + 1) for n in range(1_000)]
    lines = texts(side_by_side("#1→#2", changes, 60))
    assert lines[-1] == f" {1_000 - CHANGES_SHOWN} more; v shows all, a line each"


@pytest.mark.parametrize("width", [12, 40, 80, 200])
def test_hostile_values_stay_in_their_columns(width: int) -> None:
    bad = "[red]\x1b[2J\u202e語\x07\r\t" * 20_000
    changes = [
        Difference(f"/{bad}", "changed", bad, bad + "x"),
        Difference("/b", "added", after={bad: [bad]}),
        Difference("/c", "removed", before=bad),
        Difference("/d", "type_changed", bad, b"\x00" * 10_000_000),
    ]
    for line in side_by_side("#1→#2", changes, width):
        assert line_text(line).isprintable()
        assert line_width(line) <= width + 2
