"""The debugger on a real store: one cursor, and panes that follow it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot, SagaSummary
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.blame_list import BlameList
from sagaz_tui.widgets.context_tree import ContextTree
from sagaz_tui.widgets.lines import LinePane
from sagaz_tui.widgets.timeline import Timeline
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import counting_snapshots, order_snapshots, record


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one failed order and one saga of 60 steps."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, order_snapshots())
        await record(storage, counting_snapshots(60))
        yield storage


@asynccontextmanager
async def debugging(
    storage: SnapshotStorage,
    saga_id: str = "order_1",
    size: tuple[int, int] = (100, 30),
    settings: Settings | None = None,
    ascii: bool = False,
    filled: bool = True,
) -> AsyncIterator[Pilot[None]]:
    """The app with a saga's debugger on top, once its panes are filled."""
    app = SagazApp(storage, settings or Settings(), saga_id, ascii=ascii)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")
        if filled:
            await until(pilot, lambda: app.screen.query_one(ContextTree).count, "a context")
        await pilot.pause()
        yield pilot


def tree(pilot: Pilot[None]) -> ContextTree:
    return pilot.app.screen.query_one(ContextTree)


async def test_a_failed_saga_opens_at_its_failure_with_the_error_beside_it(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, size=(80, 24)) as pilot:
        await until_painted(
            pilot,
            "✗ failed at charge · rolled back",
            "▌3 ✗ charge failed ×3",
            "#3/6 step_failed charge",
            "2 Context @#3",
            "CardDeclined: token expired",
            "attempt 3 of 3",
            'payment_token     "tok_old"',
            "2 ○ before charge            R",
        )


async def test_all_panes_follow_the_one_cursor(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "h")
        await until_painted(
            pilot,
            "▌2 ○ before charge",
            "#2/6 before_step charge",
            "2 Context @#2",
            "5 keys, 1 new",
            "3 Why @#2",
            "#1→#2, by reserve",
        )
        press(pilot, "h")
        await until_painted(pilot, "2 Context @#1", "4 keys, 4 new", "#1, the first")


async def test_a_held_key_skips_panes_but_never_the_last_checkpoint(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "g")
        await until_painted(pilot, "2 Context @#1 ")
        press(pilot, *"l" * 40)
        await until_painted(pilot, "2 Context @#41 ", "▌41 ○ before step_041", "#40→#41")
        assert tree(pilot).value == 41


async def test_a_step_redraws_two_rows_of_the_timeline(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "g")
        await until_painted(pilot, "2 Context @#1")
        timeline = pilot.app.screen.query_one(Timeline)
        drawn: list[int] = []
        line = timeline.line

        def watched(index: int) -> Any:
            drawn.append(index)
            return line(index)

        timeline.line = watched  # type: ignore[method-assign]
        press(pilot, "l")
        await until_painted(pilot, "2 Context @#2")
        assert sorted(drawn) == [0, 1]


async def test_brackets_go_from_change_to_change_of_the_key(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "[")
        await until_painted(pilot, "2 Context @#59")
        press(pilot, "j", "[")
        await until_painted(pilot, "2 Context @#1 ")
        press(pilot, "[")
        await until_painted(pilot, "steady does not change before #1")
        press(pilot, "k", "]")
        await until_painted(pilot, "2 Context @#2 ")


async def test_blame_lights_the_value_in_force_and_esc_leaves_it(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "j", "j", "j", "b")
        await until_painted(
            pilot, "Blame payment_token", "1 value", "▸#1", '"tok_old"', "the start"
        )
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "back")
        assert tree(pilot).path == ("payment_token",)


def row_hash(path: Path) -> str:
    """A hash over every row of every table."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        for (table,) in tables.fetchall():
            for row in sorted(map(repr, db.execute(f'SELECT * FROM "{table}"'))):
                digest.update(f"{table}{row}".encode())
    return digest.hexdigest()


async def test_opening_scrubbing_blame_and_editing_change_no_row(
    store: SnapshotStorage, tmp_path: Path
) -> None:
    before = row_hash(tmp_path / "sagaz.db")
    async with debugging(store) as pilot:
        press(pilot, *"hhllGgf", "b")
        await until_painted(pilot, "1 value")
        press(pilot, "escape", "e", *"payment_token=x", "enter")
        await until_painted(pilot, "1 staged")
        press(pilot, "z", "Z", "1", "j", "3", "enter", "2", "=", "-", "]")
        await pilot.pause()
    assert row_hash(tmp_path / "sagaz.db") == before


# ---------------------------------------------------------------- panes


async def test_a_tab_chosen_by_hand_holds_until_esc(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        await until_painted(pilot, "CardDeclined: token expired")
        press(pilot, "3", "enter")
        await until_painted(pilot, "nothing changed")
        press(pilot, "h", "l")
        await until_painted(pilot, "3 Why @#3", "nothing changed")
        press(pilot, "escape")
        await until_painted(pilot, "CardDeclined: token expired")
        assert isinstance(pilot.app.screen, DebuggerScreen)


async def test_a_wide_terminal_shows_error_above_diff(store: SnapshotStorage) -> None:
    async with debugging(store, size=(120, 40)) as pilot:
        await until_painted(pilot, "3 Why @#3", "4 Diff 0 @#3", "CardDeclined", "nothing changed")
        lines = painted(pilot.app).splitlines()
        assert "1 Timeline" in lines[5]
        assert "2 Context" in lines[5]
        assert "3 Why" in lines[5]


async def test_a_huge_terminal_opens_step_and_blame_too(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1", size=(200, 60)) as pilot:
        await until_painted(pilot, "5 Step @#60", "6 Blame count", "▸#60")
        press(pilot, "j")
        await until_painted(pilot, "6 Blame steady", "▸#1 ")
        assert pilot.app.screen.query_one("#blame", BlameList).count == 1


async def test_no_size_breaks_it(store: SnapshotStorage) -> None:
    async with debugging(store, size=(41, 12)) as pilot:
        for size in ((10, 3), (40, 10), (60, 15), (300, 80)):
            await pilot.resize_terminal(*size)
            press(pilot, "h", "l", "tab", "3", "1", "b")
            await pilot.pause()
            press(pilot, "escape", "e", "p", "escape")
            await until_painted(pilot, "#3/6" if size[0] > 10 else "too small")


async def test_a_terminal_made_smaller_and_larger_keeps_its_place(store: SnapshotStorage) -> None:
    async with debugging(store, size=(120, 40)) as pilot:
        press(pilot, "h")
        for size in ((10, 3), (80, 24), (200, 50), (100, 30)):
            await pilot.resize_terminal(*size)
        await until_painted(pilot, "▌2 ○ before charge", "2 Context @#2", "#1→#2, by reserve")


async def test_ascii_draws_in_ascii(store: SnapshotStorage) -> None:
    async with debugging(store, size=(80, 24), ascii=True) as pilot:
        await until_painted(pilot, ">3 x charge failed x3")
        assert painted(pilot.app).isascii()


async def test_a_click_on_timeline_or_scrubber_goes_there(store: SnapshotStorage) -> None:
    async with debugging(store, size=(80, 24)) as pilot:
        await pilot.click("#timeline", offset=(5, 0))
        await until_painted(pilot, "2 Context @#1")
        await pilot.click("#scrubber", offset=(75, 1))
        await until_painted(pilot, "2 Context @#6")


async def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[red]x[/red]\u202e"
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        snapshots = order_snapshots("order_1", **{evil: evil, "huge": evil * 50_000})
        await record(storage, snapshots)
        async with debugging(storage) as pilot:
            press(pilot, "h", "h", "=", "b")
            await pilot.pause()
            press(pilot, "escape", "y", "Y", "]")
            text = painted(pilot.app)
    assert all(line.isprintable() for line in text.splitlines())
    assert "[red]" in text


# ---------------------------------------------------------------- live


async def test_following_stays_on_the_last_checkpoint(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        await until_painted(pilot, "LIVE", "#60/60")
        rows = pilot.app.screen.query_one(Timeline)
        assert rows.vertical_scrollbar.position == rows.scroll_y > 0
        await record(store, counting_snapshots(1, first=61))
        await until_painted(pilot, "▌61 ○ before step_061", "2 Context @#61", "LIVE")


async def test_new_data_moves_nothing_of_a_cursor_that_was_left_behind(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "h", "j")
        await until_painted(pilot, "2 Context @#59")
        top = pilot.app.screen.query_one(Timeline).scroll_offset.y
        await record(store, counting_snapshots(4, first=61))
        await until_painted(pilot, "+4 new", "#59/64", "2 Context @#59")
        assert pilot.app.screen.query_one(Timeline).scroll_offset.y == top
        assert tree(pilot).path == ("steady",)
        press(pilot, "G")
        await until_painted(pilot, "LIVE", "#64/64", "2 Context @#64")


async def test_another_process_s_checkpoint_comes_by_itself(
    store: SnapshotStorage, tmp_path: Path
) -> None:
    async with debugging(store, "count_1") as pilot:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as other:
            await record(other, counting_snapshots(1, first=61))
        await until_painted(pilot, "▌61 ○ before step_061")


async def test_a_saga_that_is_not_there_is_waited_for_also_if_one_of_its_name_was_forgotten(
    store: SnapshotStorage,
) -> None:
    app = SagazApp(store, Settings(), "order_2", ascii=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_painted(pilot, "order_2 is not in this store, or not yet")
        await record(store, order_snapshots("order_2"))
        await store.forget(["order_2"], by="ada")
        await until_painted(pilot, "saga 'order_2' was forgotten on")
        await record(store, order_snapshots("order_2"))
        await until_painted(pilot, "2 Context @#")
        press(pilot, "escape")
        await until(pilot, lambda: not isinstance(app.screen, DebuggerScreen), "the list")


class ShakyStorage(InMemorySnapshotStorage):
    """A store that is out of reach while ``down``."""

    down = False

    async def wait(self, cursor: int | None, timeout: float) -> int:
        self._check()
        return await super().wait(cursor, min(timeout, 0.05))

    async def get_saga(self, saga_id: str) -> SagaSummary | None:
        self._check()
        return await super().get_saga(saga_id)

    async def get_checkpoint(
        self, saga_id: str, sequence: int, *, steps: bool = True
    ) -> SagaSnapshot:
        self._check()
        return await super().get_checkpoint(saga_id, sequence, steps=steps)

    def _check(self) -> None:
        if self.down:
            raise StorageUnavailableError("the store is gone; wait for it")


async def test_a_lost_store_leaves_what_was_read_and_is_gone_on_with_once_it_is_back() -> None:
    before, after = order_snapshots()[:4], order_snapshots()[4:]
    async with ShakyStorage() as storage:
        await record(storage, before)
        async with debugging(storage) as pilot:
            press(pilot, "h")
            await until_painted(pilot, "2 Context @#2")
            storage.down = True
            await until_painted(pilot, "stale", "retry in 1 s", "2 Context @#2", "tok_old")
            press(pilot, "l")
            await until_painted(pilot, "▌3 ✗ charge failed", "2 Context @#3")
            press(pilot, "h", "e", *"payment_token=new", "enter")
            await until_painted(pilot, "stale", "from charge @#2", '"tok_old" → "new"')
            press(pilot, "R")
            await until_painted(pilot, "the store is out of reach")
            assert isinstance(pilot.app.screen, DebuggerScreen)
            await record(storage, after)
            storage.down = False
            await until_painted(pilot, "+2 new", "6 ■ failed", "1 staged")
            await until_painted(pilot, "▌2 ○ before charge", "2 Context @#2")


async def test_what_was_typed_for_a_line_that_cannot_open_does_nothing_else() -> None:
    async with ShakyStorage() as storage:
        await record(storage, counting_snapshots(5))
        async with debugging(storage, "count_1") as pilot:
            storage.down = True
            press(pilot, "e", *"qty=3", "enter")
            await until_painted(pilot, "the store cannot be read now", "2 Context @#5")
            press(pilot, "h")
            await until_painted(pilot, "2 Context @#4", "4 ○ before step_004")
            assert isinstance(pilot.app.screen, DebuggerScreen)


async def test_a_damaged_checkpoint_says_so_and_its_neighbours_are_shown(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, counting_snapshots(3))
    with closing(sqlite3.connect(tmp_path / "sagaz.db")) as db, db:
        db.execute("UPDATE entry SET body = x'00' WHERE seq = 3")
    async with (
        SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage,
        debugging(storage, "count_1", filled=False) as pilot,
    ):
        await until_painted(pilot, "2 Context @#3", "cannot be read", "3 ○ before step_003")
        press(pilot, "h")
        await until_painted(pilot, "2 Context @#2", "#1→#2, by step_001", "~ /count  1 → 2")


# ---------------------------------------------------------------- editing


async def test_an_edit_is_staged_for_the_replay_start_and_shown_as_a_diff(
    store: SnapshotStorage,
) -> None:
    async with debugging(store) as pilot:
        press(pilot, "e", *"payment_token=tok_new", "enter")
        await until_painted(
            pilot,
            "Edits for the replay from charge @#2",
            "1 staged",
            '~ /payment_token  "tok_old" → "tok_new"',
        )
        assert pilot.app.focused is tree(pilot)


async def test_keys_typed_in_one_go_after_e_all_reach_the_line(store: SnapshotStorage) -> None:
    app = SagazApp(store, Settings(), "order_1", ascii=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")
        press(pilot, "e", *"amount:=5", "enter")
        await until_painted(pilot, "1 staged", "~ /amount  99.99 → 5")


async def test_esc_leaves_the_line_and_keeps_what_is_staged(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "e", *"amount=5", "enter", "e", *"half")
        await until_painted(pilot, "1 staged", "e> half")
        press(pilot, "escape")
        await until(pilot, lambda: "e> half" not in painted(pilot.app), "the line is left")
        assert "1 staged" in painted(pilot.app)


async def test_leaving_with_staged_edits_asks_once(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "e", *"amount=5", "enter")
        await until_painted(pilot, "1 staged")
        press(pilot, "q")
        await until_painted(pilot, "1 edit is staged for order_1; q again quits")
        press(pilot, "escape")
        await until_painted(pilot, "1 edit is staged for order_1; esc again leaves")
        assert isinstance(pilot.app.screen, DebuggerScreen)
        press(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, DebuggerScreen), "the list")


async def test_a_saga_that_did_not_fail_starts_at_the_cursor_s_step(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "h", "h", "e")
        await until_painted(pilot, "Edits for the replay from step_058 @#58")
        press(pilot, "escape", "h", "e")
        await until_painted(pilot, "Edits for the replay from step_057 @#57")


async def test_r_and_d_ask_for_the_plan_with_what_is_staged(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with debugging(store) as pilot:
        press(pilot, "e", *"payment_token=tok_new", "enter")
        await until_painted(pilot, "1 staged")
        for key, confirm in (("d", False), ("R", True)):
            press(pilot, key)
            await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the plan")
            plan = pilot.app.screen
            assert isinstance(plan, PlanScreen)
            assert plan.confirm is confirm
            request = plan.request
            assert (request.saga_id, request.from_step) == ("order_1", "charge")
            assert [str(override) for override in request.overrides] == ["payment_token=tok_new"]
            plan.dismiss(None)
            await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "back")


async def test_a_started_replay_is_followed_and_esc_comes_back(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, "e", *"amount=5", "enter", "R")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the plan")
        await record(store, counting_snapshots(1, "order_1~r1"))
        pilot.app.screen.dismiss("order_1~r1")
        await until_painted(pilot, "order_1~r1", "#1/1", "LIVE")
        await record(store, counting_snapshots(2, "order_1~r1", first=2))
        await until_painted(pilot, "▌3 ○ before step_003")
        press(pilot, "escape")
        await until_painted(pilot, "▌3 ✗ charge failed ×3", "1 staged")
        press(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, DebuggerScreen), "the list")


async def test_the_footer_names_no_key_that_would_be_typed(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        await until_painted(pilot, "? help  q quit")
        press(pilot, "e")
        await until_painted(pilot, "ctrl+t other type  esc back  F1 help")
        last = painted(pilot.app).splitlines()[-1]
        assert "?" not in last
        assert "quit" not in last
        press(pilot, "escape")
        await until_painted(pilot, "? help  q quit")


async def test_a_key_that_can_do_nothing_says_why(store: SnapshotStorage) -> None:
    async with debugging(store, size=(80, 24)) as pilot:
        for keys, words in (
            (["ctrl+o"], "no jump to go back from"),
            (["n"], "nothing has been searched for yet"),
            (["enter"], "amount has nothing to unfold"),
            (["h", "3", "o"], "only the tab Error has library frames"),
        ):
            press(pilot, *keys)
            await until_painted(pilot, words)


async def test_a_message_hides_no_staged_edit(store: SnapshotStorage) -> None:
    async with debugging(store, size=(80, 24)) as pilot:
        press(pilot, "e", *"amount=5", "enter", "escape")
        await until_painted(pilot, "1 edit is staged for order_1; esc again leaves")
        assert "~ /amount  99.99 → 5" in painted(pilot.app)
        lines = painted(pilot.app).splitlines()
        assert "esc again leaves" in lines[-1]
        assert "esc again leaves" not in lines[-2]


async def test_a_covered_debugger_asks_nothing_and_catches_up_when_seen_again(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        debugger = pilot.app.screen
        press(pilot, "?")
        await until(pilot, lambda: pilot.app.screen is not debugger, "the help")

        def watching() -> bool:
            return any(job.group == "watch" and job.is_running for job in debugger.workers)

        await until(pilot, lambda: not watching(), "the end of watching")
        await record(store, counting_snapshots(2, first=61))
        press(pilot, "escape")
        await until_painted(pilot, "#62/62 before_step step_062")


async def test_what_is_written_beforehand_comes_though_no_event_tells_of_its_room(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinePane, "on_resize", lambda pane: None)
    async with debugging(store) as pilot:
        await until_painted(pilot, "attempt 3 of 3")
        await pilot.resize_terminal(200, 60)
        await until_painted(pilot, "5 Step @#3", "try 1", "✗ order_1  failed")
