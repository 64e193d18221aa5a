"""A plan is rehearsed on the screen: what would happen is shown, and nothing does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sagaz_core.model import Difference, Rehearsal, RehearsedStep, ReplayResult, StepError
from sagaz_core.replay.overrides import parse_override
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.screens.rehearsal import RehearsalScreen
from sagaz_tui.widgets.lines import line_width
from sagaz_tui.widgets.rehearsal_lines import rehearsal_lines
from tests.end_to_end.shop import ShopSaga
from tests.screen.looking import painted, press, texts, until, until_painted
from tests.screen.planned import ended, ledger, planning_in, settings


async def other_order(store: SnapshotStorage) -> None:
    """Another order, which went well."""
    saga = ShopSaga({"order_id": "8", "token": "new"}, saga_id="order_8", snapshot_storage=store)
    await saga.execute()


def rows() -> list[str]:
    with closing(sqlite3.connect("file:sagaz.db?mode=ro", uri=True)) as db:
        return list(db.iterdump())


async def test_a_rehearsal_shows_what_would_happen_and_does_nothing(
    store: SnapshotStorage,
) -> None:
    await other_order(store)
    done, before = ledger(), rows()
    async with planning_in(store, "token=new") as pilot:
        await until_painted(pilot, "enter runs 3 steps", "s rehearse")
        press(pilot, "s")
        await until_painted(
            pilot,
            "GHOST  NOTHING HAS RUN",
            "it would succeed",
            "├┄┄reserve┄┄◌┄┄charge┄┄◌┄┄ship┄┄◌",
            "reserve  completed  what it did in order_7",
            "charge   completed  BORROWED from order_8",
            '+ /charge  {"charge": "ch-8"}',
            "In the end, against the checkpoint",
            '~ /token   "old" → "new"',
        )
        assert (ledger(), rows()) == (done, before)
        press(pilot, "escape")
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "enter")
        await until(pilot, lambda: pilot.app.started == ["order_7~r1"], "the replay")
        await ended(store)


async def test_where_nothing_is_known_it_says_from_which_step_on(store: SnapshotStorage) -> None:
    async with planning_in(store, confirm=False) as pilot:
        await until_painted(pilot, "s rehearse")
        press(pilot, "s")
        await until_painted(pilot, "NOT KNOWN", "from step 'charge' on nothing is known")


async def test_in_production_it_has_a_key_that_is_no_letter(store: SnapshotStorage) -> None:
    async with planning_in(store, settings=settings(production="PROD-EU")) as pilot:
        await until_painted(pilot, "Type PROD-EU", "F2 rehearse")
        press(pilot, "f2")
        await until_painted(pilot, "NOT KNOWN")


async def test_a_plan_that_is_not_valid_is_not_rehearsed(store: SnapshotStorage) -> None:
    async with planning_in(store, "/cart/0/qty:=1") as pilot:
        await until_painted(pilot, "Cannot run")
        assert "s rehearse" not in painted(pilot.app)
        press(pilot, "s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)


async def test_another_plan_than_the_one_shown_is_not_rehearsed(store: SnapshotStorage) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        lease = await store.acquire_lease("order_7", owner="somebody", holder="order_7~r9")
        await lease.release()
        press(pilot, "s")
        await until_painted(pilot, "Not rehearsed", "the plan changed")


async def test_a_store_that_is_gone_by_now_is_named(store: SnapshotStorage) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        Path("sagaz.db").rename("elsewhere.db")
        press(pilot, "s")
        await until_painted(pilot, "Not rehearsed", "sagaz.db")
        assert isinstance(pilot.app.screen, RehearsalScreen)


async def test_from_the_debugger_it_is_rehearsed_at_once(store: SnapshotStorage) -> None:
    await other_order(store)
    app = SagazApp(store, settings(), ascii=False)
    async with app.run_test(size=(90, 24)) as pilot:
        app.push_screen(DebuggerScreen("order_7"))
        await until_painted(pilot, "2 Context @#3")
        press(pilot, "s")
        await until_painted(pilot, "it would succeed")
        press(pilot, "escape")
        await until_painted(pilot, "2 Context @#3")


async def test_what_stands_against_the_plan_is_said(store: SnapshotStorage) -> None:
    app = SagazApp(store, settings(), ascii=False)
    async with app.run_test(size=(90, 24)) as pilot:
        asked = ReplayRequest("order_7", "charge", overrides=(parse_override("/cart/0:=1"),))
        app.push_screen(RehearsalScreen(asked))
        await until_painted(pilot, "Not rehearsed", "✗ /cart/0: there is no 'cart'")
        press(pilot, "enter")
        await pilot.pause()
        assert isinstance(app.screen, RehearsalScreen)


async def test_its_history_is_scrubbed_like_any_other(store: SnapshotStorage) -> None:
    await other_order(store)
    before = rows()
    async with planning_in(store, "token=new") as pilot:
        await until_painted(pilot, "s rehearse")
        press(pilot, "s")
        await until_painted(pilot, "it would succeed", "enter scrub")
        press(pilot, "enter")
        await until_painted(
            pilot, "GHOST  nothing ran", "order_7~rehearsal", "2 Context @#4", '"ch-8"'
        )
        for real in ("e edit", "d plan", "R replay"):
            assert real not in painted(pilot.app)
        press(pilot, "R", "e", "h", "h")
        await until_painted(pilot, "2 Context @#2", "GHOST  nothing ran")
        press(pilot, "escape")
        await until_painted(pilot, "it would succeed")
        assert rows() == before


async def test_c_lays_it_beside_its_original(store: SnapshotStorage) -> None:
    await other_order(store)
    async with planning_in(store, "token=new", settings=settings(production="PROD-EU")) as pilot:
        await until_painted(pilot, "F2 rehearse")
        press(pilot, "f2")
        await until_painted(pilot, "it would succeed", "c compare")
        press(pilot, "c")
        await until_painted(
            pilot,
            " a  order_7  ShopSaga  ✗ failed",
            " b  order_7~rehearsal  ShopSaga  ◌ it would succeed",
            "GHOST  nothing ran",
            "a order_7",
            "b GHOST",
            "◌ done",
            "▌≠ charge",
            "GatewayDownError: the gateway does not answer",
            '+ /charge  {"charge": "ch-8"}',
        )
        assert "recovered" not in painted(pilot.app)
        screen = pilot.app.screen
        (charge,) = [row for row in screen._list._rows if row.name == "charge"]
        assert [span.token for span in (*charge.a, *charge.b)] == ["fail", "ghost"]
        press(pilot, "x")
        await until_painted(pilot, " a  order_7~rehearsal", "a GHOST", "b order_7 ")
        press(pilot, "x")
        await until_painted(pilot, "b GHOST")
        press(pilot, "enter")
        await until_painted(pilot, "order_7~rehearsal", " ghost ◌┄┄", "▌3 ◌ before ship")
        press(pilot, "c")
        await until_painted(pilot, "b GHOST", "▌≠ charge")


async def test_an_original_that_is_too_long_to_stand_beside_it_is_told_of(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_core.replay.rehearsal.MOST_COPIED", 1)
    async with planning_in(store) as pilot:
        await until_painted(pilot, "s rehearse")
        press(pilot, "s")
        await until_painted(pilot, "NOT KNOWN")
        press(pilot, "c")
        await until_painted(pilot, "its original has too many checkpoints")


# ---------------------------------------------------------------- lines

LONG = "日本" * 40 + "\x1b[31m"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_failure_is_red_in_the_lane_and_nothing_recorded_leaves_its_line(width: int) -> None:
    error = StepError(LONG, LONG)
    changes = tuple(Difference(f"/{LONG}{n}", "added", after=LONG) for n in range(300))
    rehearsal = Rehearsal(
        storage=None,
        saga_id="r",
        steps=(
            RehearsedStep(name="a", outcome="restored", undone=True),
            RehearsedStep(
                name=LONG,
                outcome="failed",
                known_from="borrowed",
                known_saga=LONG,
                note=LONG,
                error=error,
                changes=changes,
            ),
            RehearsedStep(name="c", outcome="not_reached", known_from="unknown"),
        ),
        changes=changes,
    )
    result = ReplayResult(
        status="failed", original_saga_id="order_1", error_message=LONG, rehearsal=rehearsal
    )
    lines = rehearsal_lines(result, rehearsal, width)
    assert all(line_width(line) <= width for line in lines)
    told = texts(lines)
    assert all(text.isprintable() for text in told)
    assert told[0] == " it would FAIL"
    assert [span.token for line in lines for span in line if span.text == "✗"] == ["fail"]
    assert sum(text.strip() == "and 100 more" for text in told) == 2
