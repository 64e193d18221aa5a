"""The saga list on a real store: what is painted, what moves and what never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.screens.sagas import SagasScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.filter_line import FilterField
from sagaz_tui.widgets.saga_table import SagaTable
from tests.screen.failures import NOW, TIMEOUT, begin, complete, fail, moment, recover
from tests.screen.lists import ids, listing, selected, table
from tests.screen.looking import painted, press, until, until_painted


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with three failed orders, one that runs and one that completed."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        await complete(storage, "order_0", age=500)
        for number in (1, 2):
            await fail(storage, f"order_{number}", age=400 - number)
        await fail(storage, "order_3", age=60, error=TIMEOUT)
        await begin(storage, "order_4")
        yield storage


async def test_the_failed_come_first_newest_on_top_with_their_errors(
    store: SnapshotStorage,
) -> None:
    async with listing(store, settings=Settings(production="PROD-EU")) as pilot:
        await until_painted(pilot, "1 Failed 3", "2 Running 1", "3 All 5", "PROD-EU", "orders.db")
        await until_painted(pilot, "token expired 2 · no answer after")
        assert ids(pilot) == ["order_3", "order_2", "order_1"]
        assert selected(pilot) == "order_3"


async def test_enter_opens_the_selected_saga_and_escape_comes_back_to_it(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        press(pilot, "j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        assert pilot.app.screen.saga_id == "order_2"
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        await until(pilot, lambda: selected(pilot) == "order_2", "the same selection")


async def test_what_is_newer_gathers_and_moves_nothing(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        before = ids(pilot)
        await fail(store, "order_5", age=5)
        await fail(store, "order_6", age=4)
        await until_painted(pilot, "↑ 2 newer (g)", "1 Failed 5")
        assert ids(pilot) == before
        assert selected(pilot) == "order_3"
        press(pilot, "g")
        await until(pilot, lambda: ids(pilot)[:3] == ["order_6", "order_5", "order_3"], "them")
        await until(pilot, lambda: selected(pilot) == "order_6", "the newest selected")
        assert "newer" not in painted(pilot.app)


async def test_enter_opens_what_was_painted_though_something_newer_has_come(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        await fail(store, "order_5", age=5)
        press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        assert pilot.app.screen.saga_id == "order_3"


async def test_a_row_shown_anew_is_not_meant_before_it_has_been_painted(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        rows = list(table(pilot).rows)
        table(pilot).show(rows[1:], step_head="FAILED AT", from_top=True)
        assert table(pilot).answered == "order_3"
        await until(pilot, lambda: table(pilot).answered == "order_2", "the paint")


async def test_a_recovered_row_stays_until_the_view_is_left(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        await recover(store, "order_2")
        await until_painted(pilot, "✓ order_2", "recovered by order_2~r1", "1 Failed 2")
        assert ids(pilot) == ["order_3", "order_2", "order_1"]
        press(pilot, "2", "1")
        await until(pilot, lambda: ids(pilot) == ["order_3", "order_1"], "the row to be gone")


async def test_a_running_saga_changes_where_it_stands(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "3")
        await until_painted(pilot, "▸ order_4")
        before = ids(pilot)
        await complete(store, "order_4")
        await until_painted(pilot, "✓ order_4", "2 Running 0")
        assert ids(pilot) == before


async def test_a_run_whose_process_died_becomes_interrupted_though_nothing_is_written(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.screens.live_sagas._QUIET", 0.05)
    async with listing(store) as pilot:
        press(pilot, "2")
        await until_painted(pilot, "▸ order_4")
        # Long enough to be seen alive, however slow the machine is.
        writer = store.writer(
            saga_id="order_9", saga_name="OrderSaga", claim=True, fence=1, term=2.0
        )
        taken = SagaSnapshot(
            saga_id="order_9", saga_name="OrderSaga", kind="before_step", created_at=moment(0.5)
        )
        await writer.append(capture(taken))
        await until_painted(pilot, "↑ 1 newer")
        press(pilot, "g")
        await until_painted(pilot, "▸ order_9")
        await until_painted(pilot, "╳ order_9", "interrupted: its process is gone")


async def test_the_filter_is_applied_as_it_is_typed(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"error:TOKEN")
        await until(pilot, lambda: ids(pilot) == ["order_2", "order_1"], "the two")
        press(pilot, "enter", "j")
        await until(pilot, lambda: selected(pilot) == "order_1", "keys to work again")
        press(pilot, "escape")
        await until(pilot, lambda: len(ids(pilot)) == 3, "all failed again")
        assert pilot.app.screen.query_one(FilterField).value == ""


async def test_escape_leaves_the_filter_as_it_was(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"order_1", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_1"], "one")
        press(pilot, "/", *"23")
        await until_painted(pilot, "No saga matches")
        press(pilot, "escape")
        await until(pilot, lambda: ids(pilot) == ["order_1"], "the one again")


async def test_a_filter_that_cannot_be_read_says_so_and_keeps_the_rows(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"status:faild")
        await until_painted(pilot, "no status 'faild'; there are executing")
        lines = painted(pilot.app).splitlines()
        (typed,) = [number for number, line in enumerate(lines) if "status:faild" in line]
        assert "no status 'faild'" in lines[typed + 1]
        assert len(ids(pilot)) == 3
        press(pilot, "escape")
        await until_painted(pilot, "FAILED AT")


async def test_a_filter_that_the_view_contradicts_says_where_to_look(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"status:completed", "enter")
        await until_painted(pilot, "3 shows all sagas")
        press(pilot, "3")
        await until(pilot, lambda: ids(pilot) == ["order_0"], "the completed one")


async def test_the_groups_of_errors_are_gone_through_one_by_one(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until_painted(pilot, "token expired 2")
        press(pilot, "E")
        await until(pilot, lambda: ids(pilot) == ["order_2", "order_1"], "the first group")
        press(pilot, "E")
        await until(pilot, lambda: ids(pilot) == ["order_3"], "the second")
        press(pilot, "E")
        await until(pilot, lambda: len(ids(pilot)) == 3, "all")


async def test_the_errors_counted_are_those_of_what_is_shown(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until_painted(pilot, "token expired 2 · no answer after")
        press(pilot, "/", *"order_3", "enter")
        await until(pilot, lambda: "token expired" not in painted(pilot.app), "the other gone")
        await until_painted(pilot, "no answer after")
        press(pilot, "2")
        await until(pilot, lambda: "no answer after" not in painted(pilot.app), "none here")


async def test_a_click_on_an_error_shows_only_that_one(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until_painted(pilot, "token expired 2")
        await pilot.click("#groups", offset=(3, 0))
        await until(pilot, lambda: ids(pilot) == ["order_2", "order_1"], "the group")


async def test_the_mouse_selects_opens_and_changes_views(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        await pilot.click(SagaTable, offset=(6, 2))
        await until(pilot, lambda: selected(pilot) == "order_1", "the clicked row")
        await pilot.click("#views", offset=(17, 0))
        await until(pilot, lambda: ids(pilot) == ["order_4"], "the running")
        await pilot.click(SagaTable, offset=(6, 0), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")


async def test_many_sagas_come_page_by_page_as_one_goes_down(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "many.db") as storage:
        for number in range(450):
            await fail(storage, f"order_{number:03}", age=1000 - number)
        async with listing(storage) as pilot:
            await until(pilot, lambda: len(ids(pilot)) == 200, "the first page")
            press(pilot, *["ctrl+d"] * 20)
            await until(pilot, lambda: len(ids(pilot)) > 200, "the next page")
            press(pilot, "G")
            await until(pilot, lambda: selected(pilot) == "order_000", "the last one")
            assert ids(pilot) == [f"order_{number:03}" for number in reversed(range(450))]
            press(pilot, "g")
            await until(pilot, lambda: selected(pilot) == "order_449", "the first one")


async def test_a_page_that_moved_meanwhile_repeats_no_row(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "many.db") as storage:
        for number in range(250):
            await fail(storage, f"order_{number:03}", age=1000 - number)
        async with listing(storage) as pilot:
            await until(pilot, lambda: len(ids(pilot)) == 200, "the first page")
            await fail(storage, "order_249", age=1)
            await fail(storage, "order_000", age=1)
            press(pilot, "G")
            await until(pilot, lambda: len(ids(pilot)) >= 249, "the rest")
            assert len(ids(pilot)) == len(set(ids(pilot)))


async def test_an_empty_store_says_so_and_shows_the_first_saga_by_itself(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "new.db") as storage, listing(storage) as pilot:
        await until_painted(pilot, "No saga is recorded in new.db yet.")
        press(pilot, "enter", "j", "g", "G", "E", "y", "d")
        await fail(storage, "order_1")
        await until(pilot, lambda: selected(pilot) == "order_1", "the first one")


async def test_no_failure_says_how_many_there_are(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "fine.db") as storage:
        await complete(storage, "order_1")
        async with listing(storage) as pilot:
            await until_painted(pilot, "Nothing has failed. 3 shows the one saga that there is.")


class Flaky(SnapshotStorage):
    """A real store whose reads can be made to fail."""

    down = False

    async def wait(self, cursor: int | None, timeout: float) -> int:
        if self.down:
            raise StorageUnavailableError("the store is gone; look at its disk")
        return await super().wait(cursor, min(timeout, 0.05))


async def test_a_store_that_goes_keeps_its_rows_and_comes_back_by_itself(tmp_path: Path) -> None:
    real = SQLiteSnapshotStorage(tmp_path / "orders.db")
    async with Flaky(real.backend) as storage:
        await fail(storage, "order_1")
        async with listing(storage) as pilot:
            await until(pilot, lambda: selected(pilot) == "order_1", "a row")
            storage.down = True
            await until_painted(pilot, "stale 0 s, retry in 1 s")
            assert ids(pilot) == ["order_1"]
            storage.down = False
            await until_painted(pilot, "LIVE")


async def test_a_store_that_is_gone_from_the_start_says_why(tmp_path: Path) -> None:
    storage = SQLiteSnapshotStorage(tmp_path / "missing.db", read_only=True)
    app = SagazApp(storage, Settings(), clock=lambda: NOW)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_painted(pilot, "store gone, retry in", "It is tried again by itself.")
        async with SQLiteSnapshotStorage(tmp_path / "missing.db") as writing:
            await fail(writing, "order_1")
        await until_painted(pilot, "▌✗ order_1")


async def test_replaying_what_cannot_be_says_why(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        await recover(store, "order_3")
        await until_painted(pilot, "recovered by order_3~r1")
        press(pilot, "R")
        await until_painted(pilot, "order_3 was recovered already, by order_3~r1")
        press(pilot, "2")
        await until(pilot, lambda: selected(pilot) == "order_4", "the running one")
        press(pilot, "R")
        await until_painted(pilot, "order_4 is still running")
        assert not isinstance(pilot.app.screen, PlanScreen)


async def test_a_context_never_reaches_the_terminal_as_markup_or_escape(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "bad.db") as storage:
        await fail(storage, "[red]order[/red]", saga_name="\x1b[31mEvil", step_name="[b]x")
        async with listing(storage, size=(160, 24)) as pilot:
            await until_painted(pilot, "[red]order[/red]", "\\x1b[31mEvil", "[b]x")
            press(pilot, "y")
            await until_painted(pilot, "copied [red]order[/red]")
            assert "\x1b" not in painted(pilot.app)


class Uncountable(SnapshotStorage):
    """A real store that never comes to the end of counting."""

    async def count_sagas(self, by, **filters):  # type: ignore[no-untyped-def]
        await asyncio.Event().wait()


async def test_rows_and_what_is_newer_wait_for_no_counts(tmp_path: Path) -> None:
    real = SQLiteSnapshotStorage(tmp_path / "orders.db")
    async with Uncountable(real.backend) as storage:
        await fail(storage, "order_1", age=60)
        async with listing(storage) as pilot:
            await until(pilot, lambda: selected(pilot) == "order_1", "a row")
            await fail(storage, "order_2", age=5)
            await until_painted(pilot, "↑ 1 newer", "1 Failed   2 Running   3 All")
