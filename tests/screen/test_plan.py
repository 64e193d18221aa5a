"""The plan on the screen: all of it is shown, and nothing runs that was not seen."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.strip import Strip

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.replaying import planning
from sagaz_tui.replaying import process as replay_process
from sagaz_tui.saga_code.loading import load_code
from sagaz_tui.screens.help import HelpScreen
from sagaz_tui.screens.plan import PlanPane, PlanScreen
from sagaz_tui.screens.sagas import SagasScreen
from sagaz_tui.settings import Settings
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ended, ledger, planning_in, replays, settings


async def test_a_plan_shows_every_step_and_what_becomes_of_it(store: SnapshotStorage) -> None:
    async with planning_in(store, "token=new", "retry:=2", confirm=False) as pilot:
        await until_painted(
            pilot,
            "replay of order_7",
            "from charge, restored as it was at #2",
            "↻ reserve  runs again  undone since by order_7",
            "▸ charge   runs",
            "▸ ship     runs",
            '~ /token  "old" → "new"',
            "+ /retry  2",
            "It runs 3 steps, 1 of them again. This only shows it.",
            "NOTHING HAS RUN",
        )
        press(pilot, "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert ledger() == ["reserved", "released"]


async def test_enter_runs_what_was_shown_and_gives_its_id_back(store: SnapshotStorage) -> None:
    async with planning_in(store, "token=new") as pilot:
        await until_painted(
            pilot, "enter runs 3 steps, 1 of them again, as a new branch of order_7"
        )
        press(pilot, "enter")
        await until(pilot, lambda: pilot.app.started == ["order_7~r1"], "the replay")
        await ended(store)
        assert ledger()[2:] == ["reserved", "charged", "shipped"]
        assert (await store.get_checkpoint("order_7~r1", 1)).context["token"] == "new"


async def test_r_and_enter_in_one_write_start_nothing(store: SnapshotStorage) -> None:
    app = SagazApp(store, settings(), ascii=False)
    async with app.run_test(size=(90, 24)) as pilot:
        await until_painted(pilot, "▌✗ order_7")
        press(pilot, "R", "enter", "enter")
        await until_painted(pilot, "enter runs 3 steps")
        await pilot.pause()
        assert isinstance(app.screen, PlanScreen)
        assert await replays(store) == []


async def test_a_plan_that_is_painted_late_cannot_be_confirmed_meanwhile(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = PlanPane.render_line
    pressed = []

    def draw_late(self: PlanPane, y: int) -> Strip:
        if self.count and not pressed:
            pressed.append("enter")
            press(pilot, "enter")
            time.sleep(1)
            press(pilot, "enter")
        return draw(self, y)

    monkeypatch.setattr(PlanPane, "render_line", draw_late)
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        await pilot.pause()
        assert pressed
        assert isinstance(pilot.app.screen, PlanScreen)
        assert await replays(store) == []
        press(pilot, "enter")
        await until(pilot, lambda: pilot.app.started == ["order_7~r1"], "the replay")
        await ended(store)


async def test_a_plan_that_is_made_late_cannot_be_confirmed_meanwhile(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, may_go_on = planning.make_plan, asyncio.Event()

    async def make_late(*arguments: Any) -> Any:
        await may_go_on.wait()
        return await make(*arguments)

    monkeypatch.setattr("sagaz_tui.screens.plan.make_plan", make_late)
    async with planning_in(store) as pilot:
        await until_painted(pilot, "planning…")
        press(pilot, "enter", "enter")
        await pilot.pause()
        may_go_on.set()
        await until_painted(pilot, "enter runs 3 steps")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert await replays(store) == []


async def test_an_invalid_plan_says_what_to_do_and_cannot_be_confirmed(
    store: SnapshotStorage,
) -> None:
    async with planning_in(store, "/cart/0/qty:=1") as pilot:
        await until_painted(pilot, "Cannot run", "/cart", "This cannot run as it stands.")
        assert "enter run" not in painted(pilot.app)
        press(pilot, "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert await replays(store) == []


async def test_another_type_is_marked_and_refused_until_it_is_allowed(
    store: SnapshotStorage,
) -> None:
    async with planning_in(store, "token:=5") as pilot:
        await until_painted(pilot, "~ /token", "TYPE", "This cannot run")
    async with planning_in(store, "token:=5", allow_type=("/token",)) as pilot:
        await until_painted(pilot, '"old" str → 5 int', "TYPE", "enter runs 3 steps")


async def test_code_that_cannot_be_found_is_named_with_its_remedy(store: SnapshotStorage) -> None:
    missing = Settings(
        storage_url="sqlite:///sagaz.db", sagas=("no.such",), sources={"sagas": "the test"}
    )
    async with planning_in(store, settings=missing) as pilot:
        await until_painted(pilot, "No plan", "cannot import 'no.such'", "There is nothing to run.")
        press(pilot, "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)


async def test_in_production_the_label_and_a_reason_are_typed(store: SnapshotStorage) -> None:
    async with planning_in(store, settings=settings(production="PROD-EU")) as pilot:
        await until_painted(pilot, "PROD-EU", "Type PROD-EU and why to run it:")
        press(pilot, "enter")
        await until_painted(pilot, "that is not PROD-EU; nothing was started")
        press(pilot, *"prod-eux", "enter")
        await pilot.pause()
        press(pilot, "backspace", "enter")
        await until_painted(pilot, "say why, too, after PROD-EU")
        assert await replays(store) == []
        press(pilot, *" new card", "f6")
        await until(pilot, lambda: pilot.app.clipboard, "the command")
        assert pilot.app.clipboard.endswith("--from-step charge --reason 'new card'")
        press(pilot, "enter")
        await until(pilot, lambda: pilot.app.started == ["order_7~r1"], "the replay")
        assert [entry.reason for entry in await store.list_replays()] == ["new card"]
        await ended(store)


async def test_a_plan_that_no_longer_holds_starts_nothing_and_is_made_anew(
    store: SnapshotStorage,
) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        lease = await store.acquire_lease("order_7", owner="somebody", holder="order_7~r9")
        await lease.release()
        press(pilot, "enter")
        await until_painted(pilot, "Did not start", "the plan changed", "enter runs 3 steps")
        assert await replays(store) == []
        assert ledger() == ["reserved", "released"]


CHANGING = """
from sagaz_core import Saga

class ChangingOrder(Saga):
    async def build(self):
        await self.add_step("pay", self.pay)
    async def pay(self, ctx):
        raise ConnectionError("no answer")
"""


async def test_code_that_was_changed_meanwhile_is_planned_with_and_runs(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = Path("changing_order.py")
    file.write_text(CHANGING)
    named = replace(settings(), sagas=("changing_order",))
    load_code(named, "ChangingOrder", None)
    saga = sys.modules["changing_order"].ChangingOrder({}, saga_id="c_1", snapshot_storage=store)
    await saga.execute()
    async with planning_in(store, saga_id="c_1", step="pay", settings=named) as pilot:
        await until_painted(pilot, "enter runs 1 step")
        file.write_text(CHANGING.replace('raise ConnectionError("no answer")', "return 1"))
        press(pilot, "enter")
        await until_painted(pilot, "the plan changed: code", "code changed since", "enter runs 1")
        press(pilot, "enter")
        await until(pilot, lambda: pilot.app.started == ["c_1~r1"], "the replay")
        while (await store.list_replays("c_1"))[0].outcome == "running":
            await pilot.pause()
        assert (await store.list_replays("c_1"))[0].outcome == "success"


async def test_a_replay_that_cannot_be_started_leaves_the_plan_standing_and_says_why(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, "/dev/null/not/there")
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "enter")
        await until_painted(pilot, "Did not start", "cannot make", "set")


def run_instead(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a replay's process run a script in place of the program."""
    monkeypatch.setattr(replay_process, "command", lambda *request: [sys.executable, "-c", script])


async def test_what_a_process_printed_that_never_began_a_replay_can_be_read_whole(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, "print('one word before'); import not_there_at_all")
    async with planning_in(store, size=(90, 40)) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "enter")
        await until_painted(pilot, "Did not start", "No module named 'not_there_at_all'")
        await until_painted(pilot, "What its process printed", "one word before", "Traceback (most")
        await until_painted(pilot, "enter runs 3 steps")


async def test_where_only_a_new_screen_would_see_the_change_that_is_said(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, "exit('sagaz: the plan changed: code; look at the new plan first')")
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "enter")
        await until_painted(pilot, "the plan changed: code", "this screen plans the same again")


async def test_what_the_person_s_own_code_raised_stands_below_why_there_is_no_plan(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_shop.py").write_text("def price():\n    return 1 / 0\nprice()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    named = replace(settings(), sagas=("broken_shop",))
    async with planning_in(store, settings=named) as pilot:
        await until_painted(pilot, "No plan", "cannot import 'broken_shop'", "There is nothing to")
        await until_painted(pilot, "What was raised", "in price", "return 1 / 0")


async def test_a_plan_left_while_it_starts_is_told_of_all_the_same(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nexit('too late')"
    run_instead(monkeypatch, script)
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "enter")
        await until_painted(pilot, "starting…")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        Path("go").touch()
        await until_painted(pilot, "order_7 did not start: too late")


async def test_a_replay_that_begins_behind_another_screen_is_gone_on_to_from_there(
    store: SnapshotStorage,
) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "enter", "?")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen), "help")
        while not await replays(store):
            await pilot.pause()
        await ended(store)
        for _ in range(5):
            await pilot.pause()
        press(pilot, "escape")
        await until(pilot, lambda: pilot.app.started == ["order_7~r1"], "the replay")


async def test_escape_goes_back_and_starts_nothing(store: SnapshotStorage) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        assert pilot.app.started == [None]


async def test_a_terminal_too_small_for_the_plan_cannot_confirm_it(store: SnapshotStorage) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        await pilot.resize_terminal(10, 3)
        await until_painted(pilot, "too small")
        press(pilot, "enter")
        await pilot.pause()
        assert await replays(store) == []


async def test_looking_at_a_plan_changes_no_row(store: SnapshotStorage) -> None:
    before = rows()
    async with planning_in(store, confirm=False) as pilot:
        await until_painted(pilot, "This only shows it.")
    assert rows() == before


def rows() -> list[str]:
    """Everything in the store."""
    with closing(sqlite3.connect("file:sagaz.db?mode=ro", uri=True)) as db:
        return list(db.iterdump())
