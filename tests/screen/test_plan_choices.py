"""What a plan leaves open is chosen by a key, and the plan made anew before it can be confirmed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.screens.plan import PlanScreen
from tests.end_to_end.shop import ShopSaga
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ended, ledger, planning_in, replays, settings


class StuckShop(ShopSaga):
    """A shop that cannot release what it has reserved."""

    async def release(self, result: dict[str, Any], ctx: StepContext) -> None:
        raise ConnectionError("the warehouse does not answer")


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


async def test_a_choice_can_be_taken_back(store: SnapshotStorage) -> None:
    await SagaReplay("order_7", store).from_checkpoint("charge")
    async with planning_in(store) as pilot:
        await until_painted(pilot, "here, press a")
        press(pilot, "a")
        await until_painted(pilot, "enter runs 3 steps")
        press(pilot, "a")
        await until_painted(pilot, "here, press a")
        press(pilot, "enter")
        await pilot.pause()
        assert await replays(store) == ["order_7~r1"]


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


async def test_what_was_undone_since_runs_again_or_is_kept_or_refused(
    store: SnapshotStorage,
) -> None:
    async with planning_in(store) as pilot:
        await until_painted(pilot, "runs again", "u undone")
        press(pilot, "u")
        await until_painted(pilot, "restored in name only", "enter runs 2 steps")
        press(pilot, "u")
        await until_painted(pilot, "Cannot run", "was undone since", "here, press u")
        press(pilot, "u")
        await until_painted(pilot, "runs again", "enter runs 3 steps")


async def test_a_step_in_doubt_is_decided_on(store: SnapshotStorage) -> None:
    Path("gateway-up").unlink()
    saga = StuckShop({"order_id": "8"}, saga_id="order_8", snapshot_storage=store)
    await saga.execute()
    here = replace(settings(), sagas=("tests.screen.test_plan_choices",))
    async with planning_in(store, saga_id="order_8", settings=here) as pilot:
        await until_painted(pilot, "? reserve  in doubt", "here, press i", "i in doubt")
        press(pilot, "i")
        await until_painted(pilot, "reserve  runs again", "enter runs 3 steps")
        press(pilot, "i")
        await until_painted(pilot, "reserve  restored in name only", "enter runs 2 steps")
        press(pilot, "i")
        await until_painted(pilot, "here, press i")


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
