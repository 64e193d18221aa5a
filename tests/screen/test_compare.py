"""Two runs side by side on the screen, under one cursor."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.history.compare import compare
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.debugger.counterpart import pair_with
from sagaz_tui.screens.compare import CompareScreen
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.comparison_details import detail_lines
from sagaz_tui.widgets.comparison_list import ComparisonList
from sagaz_tui.widgets.comparison_rows import columns_for, row_line, rows_of
from sagaz_tui.widgets.context_tree import ContextTree
from sagaz_tui.widgets.lines import line_text
from tests.screen.lists import ids, listing, selected
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import counting_snapshots, order_snapshots, record
from tests.screen.replayed import fail_parcel, replay_parcel


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with a parcel and its replay, and an order without any."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await fail_parcel(storage)
        await replay_parcel(storage)
        await record(storage, order_snapshots())
        yield storage


@asynccontextmanager
async def looking_at(
    storage: SnapshotStorage, saga_id: str, size: tuple[int, int] = (80, 24), ascii: bool = False
) -> AsyncIterator[Pilot[None]]:
    """The app with a saga's debugger on top."""
    app = SagazApp(storage, Settings(), saga_id, ascii=ascii)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")
        await until(pilot, lambda: app.screen.query_one(ContextTree).count, "a context")
        yield pilot


@asynccontextmanager
async def comparing(
    storage: SnapshotStorage,
    a: str = "parcel_1",
    b: str = "parcel_1~r1",
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[Pilot[None]]:
    """The app with two runs side by side."""
    app = SagazApp(storage, Settings(), ascii=False)
    async with app.run_test(size=size, notifications=True) as pilot:
        await app.push_screen(CompareScreen(a, b))
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the comparison")
        await until(pilot, lambda: rows(pilot).row is not None, "rows")
        yield pilot


def rows(pilot: Pilot[None]) -> ComparisonList:
    return pilot.app.screen.query_one(ComparisonList)


def here(pilot: Pilot[None]) -> str:
    """The row under the cursor, as it is painted."""
    return next(line for line in painted(pilot.app).splitlines() if line.startswith("▌"))


async def test_c_lays_a_saga_beside_its_newest_replay(store: SnapshotStorage) -> None:
    await replay_parcel(store, token="newer", again=True)
    async with looking_at(store, "parcel_1") as pilot:
        press(pilot, "c")
        await until_painted(pilot, " a  parcel_1 ", " b  parcel_1~r2 ", "STEP", "the beginning")


async def test_c_on_a_replay_lays_its_original_beside_it(store: SnapshotStorage) -> None:
    async with looking_at(store, "parcel_1~r1") as pilot:
        press(pilot, "c")
        await until_painted(pilot, " a  parcel_1 ", " b  parcel_1~r1 ")


async def test_of_replays_of_replays_the_newest_is_meant(store: SnapshotStorage) -> None:
    await fail_parcel(store, "parcel_2")
    await replay_parcel(store, "parcel_2", token="expired")
    await replay_parcel(store, "parcel_2~r1")
    root, newest = [await store.get_saga(each) for each in ("parcel_2", "parcel_2~r2")]
    assert root is not None
    assert newest is not None
    assert await pair_with(store, root) == ("parcel_2", "parcel_2~r2")
    assert await pair_with(store, newest) == ("parcel_2~r1", "parcel_2~r2")


async def test_c_says_so_where_there_is_no_replay(store: SnapshotStorage) -> None:
    async with looking_at(store, "order_1") as pilot:
        press(pilot, "c")
        await until_painted(pilot, "order_1 has no replay to compare it with")


async def test_each_step_shows_how_both_runs_fared_and_in_what_they_differ(
    store: SnapshotStorage,
) -> None:
    async with comparing(store) as pilot:
        await until_painted(
            pilot,
            "✗ failed at charge · rolled back",
            "✓ completed",
            "5 of 5 differ",
            "at #2",
            "● done · undone",
            "≠ charge",
            "· not reached",
            "1 value",
        )


async def test_it_opens_on_the_first_step_that_differs_with_its_error_and_values(
    store: SnapshotStorage,
) -> None:
    async with comparing(store) as pilot:
        await until_painted(
            pilot,
            "▌≠ charge",
            "─ charge ",
            "PermissionError: token expired",
            "what it set, a → b",
            '+ /charge  {"paid_with": "new"}',
        )


async def test_one_cursor_moves_over_both_runs(store: SnapshotStorage) -> None:
    async with comparing(store) as pilot:
        press(pilot, "h")
        await until(pilot, lambda: "weigh" in here(pilot), "the step before")
        press(pilot, "l", "l")
        await until(pilot, lambda: "send" in here(pilot), "the step after")
        press(pilot, "g")
        await until(pilot, lambda: "the beginning" in here(pilot), "the beginning")
        await until_painted(pilot, '~ /token  "expired" → "new"', "#2 of a → #1 of b")
        press(pilot, "G")
        await until(pilot, lambda: "the end" in here(pilot), "the end")
        await until_painted(pilot, '+ /tracking  "TR-1"')


@pytest.mark.parametrize("size", [(60, 12), (160, 24)])
async def test_the_row_under_the_cursor_is_in_sight_however_many_there_are(
    size: tuple[int, int],
) -> None:
    async with InMemorySnapshotStorage() as storage:
        for saga_id in ("count_1", "count_2"):
            await record(storage, counting_snapshots(30, saga_id))
        async with comparing(storage, "count_1", "count_2", size) as pilot:
            for key, row in (("G", "the end"), ("k", "step_030"), ("g", "the beginning")):
                press(pilot, key)
                await until(pilot, lambda row=row: f"▌  {row}" in painted(pilot.app), row)


async def test_n_goes_to_what_differs_and_says_when_nothing_more_does(
    store: SnapshotStorage,
) -> None:
    for saga_id, numbers in (("count_1", (0, 1, 2)), ("count_2", (0, 5, 6))):
        made = zip(counting_snapshots(3, saga_id), numbers, strict=True)
        await record(store, [replace(snapshot, context={"n": number}) for snapshot, number in made])
    async with comparing(store, "count_1", "count_2") as pilot:
        await until_painted(pilot, "3 of 5 differ", "▌≠ step_001")
        press(pilot, "n")
        await until(pilot, lambda: "step_002" in here(pilot), "the next difference")
        press(pilot, "n", "n")
        await until_painted(pilot, "no difference after this")
        press(pilot, "g", "N")
        await until_painted(pilot, "no difference before this")
        press(pilot, "n")
        await until(pilot, lambda: "step_001" in here(pilot), "the first difference")


async def test_x_swaps_the_runs_and_keeps_the_cursor(store: SnapshotStorage) -> None:
    async with comparing(store) as pilot:
        press(pilot, "l", "x")
        await until_painted(pilot, " a  parcel_1~r1 ", " b  parcel_1 ", '- /tracking  "TR-1"')
        assert "send" in here(pilot)


async def test_enter_opens_the_second_run_at_that_step_and_esc_comes_back(
    store: SnapshotStorage,
) -> None:
    async with comparing(store) as pilot:
        press(pilot, "enter")
        await until_painted(pilot, "parcel_1~r1", "#3/4 before_step send")
        press(pilot, "escape")
        await until_painted(pilot, "▌≠ charge")


async def test_a_run_that_goes_on_is_compared_anew_and_the_cursor_stays(
    store: SnapshotStorage,
) -> None:
    await record(store, counting_snapshots(3, "count_1"))
    await record(store, counting_snapshots(2, "count_2"))
    async with comparing(store, "count_1", "count_2") as pilot:
        await until_painted(pilot, "no such step")
        press(pilot, "g", "l")
        await until(pilot, lambda: "step_001" in here(pilot), "the first step")
        await record(store, counting_snapshots(2, "count_2", first=3))
        await until_painted(pilot, "step_004")
        assert "step_001" in here(pilot)


async def test_a_store_that_goes_away_is_named_and_what_is_shown_stays(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with comparing(store) as pilot:
        working = store.wait

        async def gone(cursor: int | None, timeout: float) -> int:
            raise StorageUnavailableError("the disk is gone; mount it again")

        monkeypatch.setattr(store, "wait", gone)
        await record(store, counting_snapshots(1))
        await until_painted(pilot, "stale, retry in 1 s", "▌≠ charge")
        monkeypatch.setattr(store, "wait", working)
        await until_painted(pilot, " LIVE ")


async def test_a_long_comparison_shows_how_far_it_is_and_can_be_left(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def endless(storage: SnapshotStorage, a: str, b: str, *, progress: Any) -> Any:
        progress(3_000, 10_000)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr("sagaz_core.history.compare.compare", endless)
    async with looking_at(store, "parcel_1") as pilot:
        press(pilot, "c")
        await until_painted(pilot, "compared 3,000 of 10,000 steps…")
        # However long they would wait for the steps: who leaves does not.
        monkeypatch.setattr("sagaz_tui.screens.base.PATIENCE", 1_000)
        press(pilot, "l", "n", "x", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        press(pilot, "g")
        await until_painted(pilot, "2 Context @#1")
        await asyncio.wait_for(ended.wait(), 10)


async def test_keys_wait_once_for_steps_that_do_not_come_and_then_change_nothing(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(storage: SnapshotStorage, a: str, b: str, *, progress: Any) -> Any:
        progress(3_000, 10_000)
        await asyncio.Event().wait()

    monkeypatch.setattr("sagaz_core.history.compare.compare", endless)
    monkeypatch.setattr("sagaz_tui.screens.base.PATIENCE", 0.05)
    async with looking_at(store, "parcel_1") as pilot:
        press(pilot, "c")
        await until_painted(pilot, "compared 3,000 of 10,000 steps…")
        count = pilot.app.key_count  # type: ignore[attr-defined]
        press(pilot, "l", "n", "x")
        await until(pilot, lambda: pilot.app.key_count == count + 3, "the keys")  # type: ignore[attr-defined]
        await until_painted(pilot, " a  parcel_1~r1 ", "compared 3,000 of 10,000 steps…")


async def test_a_saga_that_is_not_there_is_named(store: SnapshotStorage) -> None:
    app = SagazApp(store, Settings(), ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(CompareScreen("parcel_1", "parcel_9"))
        await until_painted(pilot, "no saga 'parcel_9' in this store")


async def test_a_step_that_goes_on_is_not_said_to_have_set_the_same(
    store: SnapshotStorage,
) -> None:
    found = await compare(store, "parcel_1", "parcel_1~r1")
    (row,) = [row for row in rows_of(found) if row.name == "charge"]
    assert row.step is not None
    assert row.step.b is not None
    begun = replace(row.step, b=replace(row.step.b, outcome="unfinished"), changes=())
    lines = [
        line_text(line) for line in detail_lines(replace(row, step=begun, changes=()), found, 80)
    ]
    assert lines[-1] == " it has not ended in both runs, so what it set is not compared"


async def test_long_ids_keep_in_sight_what_tells_them_apart_and_how_they_stand(
    store: SnapshotStorage,
) -> None:
    long = f"checkout-eu-central-1-{'0' * 60}-parcel"
    await fail_parcel(store, long)
    await replay_parcel(store, long)
    async with comparing(store, long, f"{long}~r1") as pilot:
        first, second = painted(pilot.app).splitlines()[:2]
        assert re.search(r" a  checkout.*….*-parcel  ✗ failed at charge", first)
        assert re.search(r" b  checkout.*….*-parcel~r1  ReplayedParcel  ✓ completed", second)
        head = next(line for line in painted(pilot.app).splitlines() if "STEP" in line)
        assert re.search(r"a .*…\S*-parcel b .*…\S*parcel~r1 ", head)


@pytest.mark.parametrize("width", [40, 80, 100, 160])
async def test_hostile_names_and_values_stay_in_their_lines(
    store: SnapshotStorage, width: int
) -> None:
    for number, saga_id in enumerate(("bad_1", "bad_2")):
        snapshots = counting_snapshots(1, saga_id)
        await record(
            store,
            [
                type(snapshot)(
                    saga_id=saga_id,
                    saga_name="[red]\x1b[2J",
                    kind="step_failed",
                    step_name="\u202e[b]語\x07" * 20,
                    context={"\x1b]0;x\x07": "\x1b[2J" * 1_000 + str(number)},
                )
                for snapshot in snapshots
            ],
        )
    found = await compare(store, "bad_1", "bad_2")
    made = rows_of(found)
    columns = columns_for(made, width)
    for row in made:
        assert line_text(row_line(row, columns, lit=True)).isprintable()
        for line in detail_lines(row, found, width):
            assert line_text(line).isprintable()


async def test_it_fits_every_size_without_colour_or_unicode(store: SnapshotStorage) -> None:
    for size in ((40, 10), (80, 24), (200, 60)):
        async with looking_at(store, "parcel_1", size=size, ascii=True) as pilot:
            press(pilot, "c")
            await until_painted(pilot, "charge")
            await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))


async def test_c_in_the_list_lays_the_saga_beside_its_newest_replay(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        press(pilot, "3", "/", *"parcel_1", "enter")
        await until(pilot, lambda: ids(pilot) == ["parcel_1~r1", "parcel_1"], "both runs")
        press(pilot, "j")
        await until(pilot, lambda: selected(pilot) == "parcel_1", "the original")
        press(pilot, "c")
        await until_painted(pilot, " a  parcel_1 ", " b  parcel_1~r1 ", "▌≠ charge")


async def test_c_in_the_list_lays_two_marked_sagas_side_by_side(store: SnapshotStorage) -> None:
    for saga_id in ("parcel_2", "parcel_3", "parcel_4"):
        await fail_parcel(store, saga_id)
    async with listing(store) as pilot:
        press(pilot, "/", *"parcel_", "enter")
        await until(pilot, lambda: len(ids(pilot)) == 3, "three that failed")
        press(pilot, "c")
        await until_painted(pilot, "parcel_4 has no replay to compare it with; mark two sagas")
        press(pilot, "space", "j", "space", "c")
        await until_painted(pilot, " a  parcel_4 ", " b  parcel_3 ")
        press(pilot, "escape", "j", "space", "c")
        await until_painted(pilot, "3 sagas are marked; mark two to compare them")
