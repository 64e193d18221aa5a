"""Stopping a replay that runs in a process of its own: after its step, or where it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.replay.overrides import parse_override
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.planning import make_plan
from sagaz_tui.replay_process import ReplayRequest, start_replay
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.stop import StopScreen, kill_question, stop_question
from sagaz_tui.settings import Settings
from sagaz_tui.stopping import Stoppable, find_stoppable
from tests.end_to_end.shop import ShopSaga
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ended, ledger, settings

REPLAY = "order_7~r1"
RUNS = Stoppable(pid=7, under_way=("charge",), to_undo=2, undoing=False)


@asynccontextmanager
async def charging(
    store: SnapshotStorage, options: Settings | None = None
) -> AsyncIterator[Pilot[None]]:
    """The debugger of a replay whose charge waits for the file ``gateway-answers``."""
    Path("gateway-answers").unlink()
    request = ReplayRequest("order_7", "charge", (parse_override("token=new"),))
    plan = await make_plan(settings(), request)
    assert await start_replay(store, settings(), request, plan.digest) == REPLAY
    app = SagazApp(store, options or settings(), REPLAY, ascii=False)
    try:
        async with app.run_test(size=(90, 24), notifications=True) as pilot:
            await until_painted(pilot, "before charge", "charge ▸")
            await until(pilot, lambda: ledger()[-1] == "charged", "the charge under way")
            yield pilot
    finally:
        Path("gateway-answers").touch()


async def ask(pilot: Pilot[None], words: str) -> None:
    press(pilot, "X")
    await until_painted(pilot, words)


async def test_x_lets_the_step_end_and_then_undoes_what_was_done(store: SnapshotStorage) -> None:
    async with charging(store) as pilot:
        await ask(pilot, "stop after charge and undo 2 steps?")
        press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        await until_painted(pilot, "it stops once charge has ended")
        await ask(pilot, "charge happened would be")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        Path("gateway-answers").touch()
        await until_painted(pilot, "■ failed", "rolled back")
        assert ledger()[2:] == ["reserved", "charged", "refunded", "released"]
        await ended(store)


async def test_a_second_x_can_kill_it(store: SnapshotStorage) -> None:
    async with charging(store) as pilot:
        pid = (await find_stoppable(store, REPLAY)).pid
        await ask(pilot, "stop after charge and undo 2 steps?")
        press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        await ask(pilot, f"Kill process {pid} now?")
        press(pilot, "enter")

        def is_gone() -> bool:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
            return False

        await until(pilot, is_gone, "its end")
        assert ledger()[2:] == ["reserved", "charged"]


async def test_what_was_typed_before_the_question_was_painted_stops_nothing(
    store: SnapshotStorage,
) -> None:
    async with charging(store) as pilot:
        press(pilot, "X", "enter")
        await until_painted(pilot, "stop after charge and undo 2 steps?")
        for _ in range(3):
            await pilot.pause()
        assert isinstance(pilot.app.screen, StopScreen)
        press(pilot, "escape")
        Path("gateway-answers").touch()
        await until_painted(pilot, "completed")
        await ended(store)
        assert ledger()[2:] == ["reserved", "charged", "shipped"]


async def test_a_store_opened_to_look_only_stops_nothing(store: SnapshotStorage) -> None:
    async with charging(store, replace(settings(), read_only=True)) as pilot:
        await ask(pilot, "opened read-only")
        Path("gateway-answers").touch()
        await ended(store)


async def test_x_says_why_there_is_nothing_to_stop(store: SnapshotStorage) -> None:
    app = SagazApp(store, settings(), "order_7", ascii=False)
    async with app.run_test(size=(90, 24), notifications=True) as pilot:
        await until_painted(pilot, "charge failed")
        await ask(pilot, "is no replay")


async def test_a_run_of_another_program_is_left_alone(store: SnapshotStorage) -> None:
    Path("gateway-answers").unlink()
    replay = SagaReplay("order_7", store, saga_factory=ShopSaga)
    running = asyncio.create_task(replay.from_checkpoint("charge"))
    app = SagazApp(store, settings(), REPLAY, ascii=False)
    async with app.run_test(size=(90, 24), notifications=True) as pilot:
        await until_painted(pilot, "before charge")
        await ask(pilot, "is no `sagaz replay run`")
        assert not isinstance(pilot.app.screen, StopScreen)
        Path("gateway-answers").touch()
        assert (await running).status == "success"
        assert "Kill" not in painted(pilot.app)


@pytest.mark.parametrize(
    ("replay", "question"),
    [
        (RUNS, "stop after charge and undo 2 steps?"),
        (replace(RUNS, to_undo=1), "stop after charge and undo 1 step?"),
        (replace(RUNS, under_way=("a", "b"), to_undo=0), "stop after a, b and undo nothing?"),
        (replace(RUNS, under_way=()), "stop before its next step and undo 2 steps?"),
    ],
)
def test_the_question_tells_what_stopping_would_do(replay: Stoppable, question: str) -> None:
    assert stop_question(replay) == question


def test_the_graver_question_names_what_would_be_uncertain() -> None:
    assert "charge happened would be uncertain, and 2 steps would not" in kill_question(RUNS)
    undoing = replace(RUNS, undoing=True)
    assert "Whether charge was undone would be uncertain" in kill_question(undoing)
    assert "since its last checkpoint" in kill_question(replace(RUNS, under_way=()))
