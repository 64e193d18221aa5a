"""Stopping a replay that runs in a process of its own: after its step, or where it is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.process import host_name
from sagaz_core.replay.overrides import parse_override
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.replaying.planning import make_plan
from sagaz_tui.replaying.process import ReplayRequest, start_replay
from sagaz_tui.replaying.stopping import CannotStopError, Stoppable, find_stoppable
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.stop import StopScreen, kill_question, stop_question
from tests.end_to_end.shop import ShopSaga
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ended, ledger, settings
from tests.screen.recorded import order_snapshots, record

REPLAY = "order_7~r1"
RUNS = Stoppable(pid=7, under_way=("charge",), to_undo=2, undoing=False)


@asynccontextmanager
async def charging(store: SnapshotStorage) -> AsyncIterator[Pilot[None]]:
    """The debugger of a replay whose charge waits for the file ``gateway-answers``."""
    Path("gateway-answers").unlink()
    request = ReplayRequest("order_7", "charge", (parse_override("token=new"),))
    plan = await make_plan(settings(), request)
    assert await start_replay(store, settings(), request, plan.digest) == REPLAY
    app = SagazApp(store, settings(), REPLAY, ascii=False)
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
        await until_painted(pilot, "it stops once charge has ended", "stopping  LIVE")
        await ask(pilot, "charge happened would be")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        Path("gateway-answers").touch()
        await until_painted(pilot, "■ failed", "rolled back")
        assert "stopping" not in painted(pilot.app).splitlines()[0]
        press(pilot, "p")
        await until_painted(pilot, "Log ─", "undone reserve", "asked to stop after the steps")
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
        await until_painted(pilot, f"killed; `sagaz resume {REPLAY}`")
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


async def test_x_says_why_there_is_nothing_to_stop(store: SnapshotStorage) -> None:
    app = SagazApp(store, settings(), "order_7", ascii=False)
    async with app.run_test(size=(90, 24), notifications=True) as pilot:
        await until_painted(pilot, "charge failed")
        await ask(pilot, "order_7 does not run")


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


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose command goes on with these words; it ends at a SIGUSR1 with code 7."""
    script = "import signal; signal.signal(signal.SIGUSR1, lambda *_: exit(7)); print(); "
    command = [sys.executable, "-uc", f"{script} signal.pause()", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        try:
            yield started
        finally:
            started.kill()


async def hold(store: SnapshotStorage, owner: str, holder: str = "order_7") -> None:
    """Have somebody run a saga of the family from now on."""
    await store.acquire_lease("order_7", owner=owner, holder=holder)


async def test_x_reaches_a_saga_that_was_gone_on_with_on_the_command_line(
    store: SnapshotStorage,
) -> None:
    app = SagazApp(store, settings(), "order_7", ascii=False)
    with process("/venv/bin/sagaz", "resume", "order_7") as resumed:
        await hold(store, f"ana@{host_name()}:{resumed.pid}")
        async with app.run_test(size=(90, 24), notifications=True) as pilot:
            await until_painted(pilot, "charge failed")
            await ask(pilot, "Stop the run")
            press(pilot, "enter")
            await until(pilot, lambda: resumed.poll() is not None, "its end")
    assert resumed.returncode == 7


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("sagaz", "replay", "batch"), "it is one of a batch, which process .* runs"),
        (("worker.py", "resume"), "is no `sagaz replay run` or `sagaz resume`; stop it by its own"),
        (("shop", "replay", "run"), "is no `sagaz replay run` or `sagaz resume`"),
        (("sagaz", "tui", "resume"), "is no `sagaz replay run` or `sagaz resume`"),
    ],
)
async def test_no_other_process_is_reached(
    store: SnapshotStorage, words: tuple[str, ...], complaint: str
) -> None:
    with process(*words) as other:
        await hold(store, f"ana@{host_name()}:{other.pid}")
        with pytest.raises(CannotStopError, match=complaint):
            await find_stoppable(store, "order_7")


@pytest.mark.parametrize(
    ("owner", "complaint"),
    [
        ("ana@bastion-2:4711", "it runs on bastion-2, in process 4711 of ana; stop it there"),
        ("somebody's scheduler", "it is run by somebody's scheduler; stop it there"),
        (f"ana@{host_name()}:99999999", "its process 99999999 is gone; `sagaz resume` goes on"),
    ],
)
async def test_what_cannot_be_reached_from_here_is_said_in_a_sentence(
    store: SnapshotStorage, owner: str, complaint: str
) -> None:
    await hold(store, owner)
    with pytest.raises(CannotStopError, match=complaint):
        await find_stoppable(store, "order_7")


async def test_of_a_family_the_one_that_runs_is_named(store: SnapshotStorage) -> None:
    await hold(store, "ana@bastion-2:4711", holder="order_7~r9")
    with pytest.raises(CannotStopError, match="order_7 does not run; order_7~r9 does"):
        await find_stoppable(store, "order_7")


async def test_an_engine_of_its_own_cannot_stop_after_a_step() -> None:
    async with InMemorySnapshotStorage() as store:
        await record(store, order_snapshots("order_7"))
        with process("sagaz", "replay", "run") as replaying:
            await hold(store, f"ana@{host_name()}:{replaying.pid}")
            with pytest.raises(CannotStopError, match=f"`kill {replaying.pid}` on this machine"):
                await find_stoppable(store, "order_7")


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
