"""What a plan leaves open is chosen by a key, and the plan made anew before it can be confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.screens.plan import PlanScreen
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ended, ledger, planning_in, replays


async def test_a_recovered_saga_is_replayed_again_once_that_was_chosen(
    store: SnapshotStorage,
) -> None:
    await SagaReplay("order_7", store).from_checkpoint("charge")
    async with planning_in(store) as pilot:
        await until_painted(pilot, "Cannot run", "here, press a", "a again")
        assert "enter run" not in painted(pilot.app)
        press(pilot, "enter", "a")
        await until_painted(pilot, "enter runs 3 steps", "of this family has succeeded already")
        press(pilot, "Y")
        await until(pilot, lambda: pilot.app.clipboard.endswith("--again"), "the command")
        press(pilot, "enter")
        await until(pilot, lambda: pilot.app.started == ["order_7~r2"], "the replay")
        await ended(store)
    assert ledger().count("charged") == 2


async def test_enter_that_follows_a_choice_at_once_confirms_nothing(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def start(*arguments: Any) -> str:
        asked.append(arguments)
        return "order_7~r1"

    monkeypatch.setattr("sagaz_tui.screens.plan.start_replay", start)
    async with planning_in(store) as pilot:
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "u", "enter")
        await until_painted(pilot, "restored in name only", "enter runs 2 steps")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert asked == []


async def test_where_there_is_nothing_to_choose_the_keys_do_nothing(
    store: SnapshotStorage,
) -> None:
    async with planning_in(store, step="reserve") as pilot:
        await until_painted(pilot, "enter run")
        for word in ("a again", "i in doubt", "u undone"):
            assert word not in painted(pilot.app)
        asked = pilot.app.screen.request
        press(pilot, "a", "i", "u")
        await pilot.pause()
        assert pilot.app.screen.request == asked


async def test_while_a_run_of_the_family_is_alive_the_plan_waits_for_its_end(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.screens.plan._LOOK_AGAIN", 0.05)
    lease = await store.acquire_lease("order_7", owner="somebody", holder="order_7~r9")
    async with planning_in(store) as pilot:
        await until_painted(pilot, "order_7~r9 is running; this waits until it has ended.")
        assert "enter run" not in painted(pilot.app)
        press(pilot, "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        await lease.release()
        await until_painted(pilot, "enter runs 3 steps", "enter run ")
    assert await replays(store) == []
