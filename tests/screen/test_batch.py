"""A batch on the screen: shown before it runs, followed while it does, told of at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.strip import Strip

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.batch.request import BatchRequest
from sagaz_tui.screens.batch import BatchScreen
from sagaz_tui.screens.batch_preview import BatchPreviewScreen
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.plan import PlanPane
from sagaz_tui.screens.sagas import SagasScreen
from sagaz_tui.settings import Settings
from tests.cli.batch_shop import PostedParcel, StuckOrder
from tests.end_to_end.shop import ShopSaga
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ledger


@pytest.fixture
async def orders(store: SnapshotStorage) -> SnapshotStorage:
    """Three orders that would succeed now, and a parcel that would fail again."""
    Path("gateway-up").unlink()
    for number in ("8", "9"):
        saga = ShopSaga({"order_id": number}, saga_id=f"order_{number}", snapshot_storage=store)
        await saga.execute()
    await PostedParcel({"parcel": 7}, saga_id="parcel_7", snapshot_storage=store).execute()
    Path("gateway-up").touch()
    Path("ledger.txt").unlink()
    return store


def settings(**more: Any) -> Settings:
    """Settings that name the modules of the orders and of the parcel."""
    return Settings(
        storage_url="sqlite:///sagaz.db",
        sagas=("tests.end_to_end.shop", "tests.cli.batch_shop"),
        sources={"sagas": "the test"},
        **more,
    )


@asynccontextmanager
async def marked(
    storage: SnapshotStorage, filter: str = "", keys: tuple[str, ...] = ("R",), **more: Any
) -> AsyncIterator[Pilot[None]]:
    """The list with all that match marked, and the batch of them on top, by these keys."""
    app = SagazApp(storage, settings(**more), ascii=False)
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        await until_painted(pilot, "1 Failed 4", "▌✗ parcel_7")
        press(pilot, "/", *filter, "enter", "*")
        await until_painted(pilot, f"• {3 if filter else 4} marked")
        press(pilot, *keys)
        if keys:
            await until(pilot, lambda: isinstance(app.screen, BatchPreviewScreen), "the batch")
        yield pilot


async def outcomes(storage: SnapshotStorage) -> list[str | None]:
    """How the replays ended that the store knows of."""
    return sorted(str(entry.outcome) for entry in await storage.list_replays())


async def test_it_shows_and_copies_what_would_run_and_runs_nothing(orders: SnapshotStorage) -> None:
    async with marked(orders) as pilot:
        await until_painted(
            pilot,
            "replay of 4 sagas",
            "NOTHING HAS RUN",
            "4 of 4 would run   from send 1 · charge 3",
            "▸ order_9",
            "again: reserve; runs: charge, ship",
            "enter replays 4 sagas, one first, then the others",
        )
        press(pilot, "Y", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        assert pilot.app.clipboard.startswith("sagaz replay batch --ids - <<'IDS'\nparcel_7\n")
        await until_painted(pilot, "• 4 marked")
        assert await outcomes(orders) == []


async def test_enter_runs_all_of_them(orders: SnapshotStorage) -> None:
    async with marked(orders, "order_") as pilot:
        await until_painted(pilot, "enter replays 3 sagas")
        press(pilot, "enter")
        await until_painted(pilot, "COMPLETED", "3 of 3", "✓ 3 succeeded")
        assert await outcomes(orders) == ["success"] * 3
        assert ledger().count("shipped") == 3
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        await until(pilot, lambda: "marked" not in painted(pilot.app), "no marks")


async def test_a_canary_that_fails_stops_it_and_what_failed_is_opened_once_the_rest_has_run(
    orders: SnapshotStorage,
) -> None:
    async with marked(orders) as pilot:
        await until_painted(pilot, "enter replays 4 sagas")
        press(pilot, "enter")
        # The newest, which is the parcel, goes first.
        await until_painted(
            pilot,
            "STOPPED",
            "1 of 4",
            "stopped because the first that ran, parcel_7, failed",
            "R goes on with the 3 that are left",
            "enter open",
        )
        assert await outcomes(orders) == ["failed"]
        press(pilot, "R")
        await until_painted(pilot, "Replay the 3 sagas that are left", "no one of", "enter go on")
        press(pilot, "escape")
        await until(pilot, lambda: "enter go on" not in painted(pilot.app), "no question")
        press(pilot, "R")
        await until_painted(pilot, "enter go on")
        press(pilot, "enter")
        await until_painted(pilot, "COMPLETED", "4 of 4", "✓ 3 succeeded", "✗ 1 failed")
        assert await outcomes(orders) == ["failed", "success", "success", "success"]
        assert "R go on" not in painted(pilot.app)
        await until_painted(pilot, "▌✗ parcel_7~r1", "no address for parcel # 1")
        press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        assert pilot.app.screen.saga_id == "parcel_7~r1"


async def test_a_key_typed_before_the_preview_is_painted_starts_nothing(
    orders: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = PlanPane.render_line
    pressed: list[str] = []

    def press_and_draw(self: PlanPane, y: int) -> Strip:
        if self.count and not pressed:
            pressed.append("enter")
            press(pilot, "enter")
        return draw(self, y)

    async with marked(orders, keys=()) as pilot:
        monkeypatch.setattr(PlanPane, "render_line", press_and_draw)
        press(pilot, "R", "enter", "enter")
        await until_painted(pilot, "enter replays 4 sagas")
        await pilot.pause()
        assert pressed
        assert await outcomes(orders) == []
        assert "NOTHING HAS RUN" in painted(pilot.app)


async def test_production_wants_the_number_and_a_reason(orders: SnapshotStorage) -> None:
    async with marked(orders, "order_", production="PROD-EU") as pilot:
        await until_painted(pilot, "PROD-EU is in production. Type 3 and why to run them:")
        await until(pilot, lambda: pilot.app.screen.focused, "the line to type in")
        press(pilot, *"4 gateway is back", "enter")
        await until_painted(pilot, "that is not 3; nothing was started")
        press(pilot, *["backspace"] * 20, "3", "enter")
        await until_painted(pilot, "say why, too, after 3")
        assert await outcomes(orders) == []
        press(pilot, *" gateway is back", "enter")
        await until_painted(pilot, "COMPLETED", "✓ 3 succeeded")
        assert {entry.reason for entry in await orders.list_replays()} == {"gateway is back"}


async def test_values_are_set_in_all_and_in_each_and_the_preview_shows_what_changes(
    orders: SnapshotStorage,
) -> None:
    Path("tokens.csv").write_text("saga_id,token\norder_8,tok_8\norder_7,\n")
    async with marked(orders, "order_", production="PROD-EU") as pilot:
        await until_painted(pilot, "Type 3 and why", "F5 edit", "F6 file")
        press(pilot, "f5")
        await until_painted(pilot, "Edits for all, as in order_9 @#2", "enter stage")
        press(pilot, *"token=tok_new", "enter")
        await until_painted(pilot, "1 staged", '~ /token  "old" → "tok_new"', "Type 3 and why")
        press(pilot, "f7")
        await until_painted(pilot, "Type 3 and why")
        await until(pilot, lambda: "tok_new" not in painted(pilot.app), "no edit")
        press(pilot, "f8", "f6", *"token.csv", "enter")
        await until_painted(pilot, "! cannot read 'token.csv': No such file")
        press(pilot, "f6", *"tokens.csv", "enter")
        await until_painted(
            pilot,
            "tokens.csv sets values in 1 of them, each its own",
            '+ /token  "tok_8"',
            '~ /token  "old" → "tok_new"',
            "Type 3 and why",
        )
        press(pilot, "escape")
        await until_painted(pilot, "1 edit is staged for this batch; esc again leaves")
        await until(pilot, lambda: pilot.app.screen.focused, "the line to type in")
        press(pilot, *"3 a new token", "enter")
        await until_painted(pilot, "COMPLETED", "✓ 3 succeeded")
    tokens = {}
    for entry in await orders.list_replays():
        latest = await orders.get_latest_snapshot(entry.replay_id)
        assert latest is not None
        tokens[entry.original_saga_id] = latest.context["token"]
    assert tokens == {"order_7": "tok_new", "order_8": "tok_8", "order_9": "tok_new"}


async def test_what_is_set_is_in_the_copied_command_and_can_be_taken_out(
    orders: SnapshotStorage,
) -> None:
    Path("more.jsonl").write_text('{"saga_id": "order_9", "overrides": {"n": 2}}\n')
    async with marked(orders, "order_") as pilot:
        await until_painted(pilot, "enter replays 3 sagas", "enter run  e edit  f file")
        press(pilot, "e", *"/extra:=[1]", "enter")
        await until_painted(pilot, "+ /extra  [1]", "enter replays 3 sagas")
        press(pilot, "f", *"more.jsonl", "enter")
        await until_painted(pilot, "more.jsonl sets values in 1", "enter replays 3 sagas")
        press(pilot, "Y")
        await until(pilot, lambda: pilot.app.clipboard, "something copied")
        assert pilot.app.clipboard.startswith(
            "sagaz replay batch --ids - --override extra:=[1] --override-file more.jsonl <<'IDS'"
        ) or pilot.app.clipboard.startswith(
            "sagaz replay batch --ids - --override 'extra:=[1]' --override-file more.jsonl <<'IDS'"
        )
        press(pilot, "f", *["backspace"] * 10, "enter")
        await until(pilot, lambda: "more.jsonl" not in painted(pilot.app), "no file")
        press(pilot, "z")
        await until(pilot, lambda: "/extra" not in painted(pilot.app), "no edit")
        press(pilot, "z", "f", "escape", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        assert await outcomes(orders) == []


async def test_a_value_that_fits_none_of_them_leaves_them_out_with_the_reason(
    orders: SnapshotStorage,
) -> None:
    async with marked(orders) as pilot:
        await until_painted(pilot, "enter replays 4 sagas")
        # The parcel, as which edits are read, has no such key, and takes any type.
        press(pilot, "e", *"order_id:=5", "enter")
        await until_painted(pilot, "1 of 4 would run", "3 are left out", "enter replays it")


async def test_those_in_doubt_are_left_out_until_it_is_said_what_they_did(
    orders: SnapshotStorage,
) -> None:
    await StuckOrder({}, saga_id="stuck", snapshot_storage=orders).execute()
    app = SagazApp(orders, settings(production="PROD-EU"), ascii=False)
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        asked = BatchRequest(("order_9", "stuck"))
        app.push_screen(BatchPreviewScreen(asked), lambda run: app.push_screen(BatchScreen(run)))
        await until_painted(pilot, "1 of 2 would run", "1 is left out", "F3 in doubt")
        press(pilot, "f3")
        await until_painted(pilot, "steps in doubt run again", "2 of 2 would run")
        press(pilot, "f3", "f3")
        await until_painted(pilot, "1 is left out", "Type 1 and why")
        await until(pilot, lambda: pilot.app.screen.focused, "the line to type in")
        press(pilot, *"1 gateway is back", "enter")
        await until_painted(
            pilot,
            "COMPLETED",
            "✓ 1 succeeded",
            "? 1 in doubt",
            "R goes on with the one that is in doubt",
        )
        press(pilot, "R")
        await until_painted(pilot, "One is in doubt", "F3: say what is to be done", "Type 0")
        press(pilot, "f3")
        await until_painted(pilot, "F3: take them as done", "Type 1")
        press(pilot, "1", "enter")
        # It runs again, and is no further for it.
        await until_painted(pilot, "COMPLETED", "✗ 1 failed", "✓ 1 succeeded")


async def test_a_small_terminal_has_room_for_the_number_and_a_smaller_one_says_so(
    orders: SnapshotStorage,
) -> None:
    app = SagazApp(orders, settings(production="PROD-EU"), ascii=False)
    async with app.run_test(size=(40, 12), notifications=True) as pilot:
        app.push_screen(BatchPreviewScreen(BatchRequest(("order_9",))))
        await until_painted(pilot, " Type 1 and why: ")
        press(pilot, "f5", *"token=x", "enter")
        await until_painted(pilot, "1 staged", " Type 1 and why: ")
        press(pilot, "f6")
        await until_painted(pilot, " file a .csv")
        await pilot.resize_terminal(30, 8)
        await until(
            pilot,
            lambda: painted(app).split() == ["too", "small:", "make", "it", "40x10"],
            "nothing else",
        )


async def test_what_cannot_run_says_why(orders: SnapshotStorage) -> None:
    async with marked(orders) as pilot:
        await until_painted(pilot, "enter replays 4 sagas")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        await ShopSaga({"order_id": "8"}, saga_id="order_done", snapshot_storage=orders).execute()
        press(pilot, "escape", "3")
        await until_painted(pilot, "✓ order_done")
        press(pilot, "g", "space", "R")
        await until_painted(pilot, "1 is left out", "order_done", "There is nothing to run.")


@pytest.mark.torture
async def test_leaving_stops_nothing_and_coming_back_finds_it(orders: SnapshotStorage) -> None:
    Path("gateway-answers").unlink()
    async with marked(orders, "order_") as pilot:
        await until_painted(pilot, "enter replays 3 sagas")
        press(pilot, "enter")
        await until_painted(pilot, "RUNNING", "0 of 3", "▸ 1 under way")
        await until_painted(pilot, "order_9 runs first, alone; leaving stops nothing, X does")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        await until_painted(pilot, "batch 0 of 3 (B)")
        press(pilot, "B")
        await until_painted(pilot, "▌▸ running", "3 sagas")
        press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, BatchScreen), "the batch")
        await until_painted(pilot, "RUNNING", "leaving stops nothing")
        Path("gateway-answers").touch()
        await until_painted(pilot, "COMPLETED", "✓ 3 succeeded")


@pytest.mark.torture
async def test_x_stops_it_after_those_under_way(orders: SnapshotStorage) -> None:
    Path("gateway-answers").unlink()
    async with marked(orders, "order_") as pilot:
        await until_painted(pilot, "enter replays 3 sagas")
        press(pilot, "enter")
        await until_painted(pilot, "▸ 1 under way")
        press(pilot, "X")
        await until_painted(pilot, "STOPPING", "those under way come to their end")
        Path("gateway-answers").touch()
        await until_painted(pilot, "STOPPED", "1 of 3", "✓ 1 succeeded", "stopped because")
        assert await outcomes(orders) == ["success"]


async def test_x_twice_cancels_what_is_under_way(orders: SnapshotStorage) -> None:
    Path("gateway-answers").unlink()
    async with marked(orders, "order_") as pilot:
        await until_painted(pilot, "enter replays 3 sagas")
        press(pilot, "enter")
        await until_painted(pilot, "▸ 1 under way")
        press(pilot, "X")
        await until_painted(pilot, "STOPPING", "those under way come to their end")
        press(pilot, "X")
        await until_painted(pilot, "CANCELLED", "R goes on with the 2 that are left")
        await until(pilot, lambda: "released" in ledger(), "what was done to be undone")


async def test_what_keeps_it_from_starting_is_told(
    orders: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with marked(orders, "order_") as pilot:
        await until_painted(pilot, "enter replays 3 sagas")
        monkeypatch.setattr("sagaz_tui.batch.run.command", lambda words: ["false"])
        press(pilot, "enter")
        await until_painted(pilot, "ENDED EARLY", "without a word")
