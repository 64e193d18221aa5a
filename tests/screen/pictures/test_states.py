"""The debugger on sagas in states that are seldom seen, and on a store that goes."""

from __future__ import annotations

import asyncio

import pytest

from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_tui.debugger import revealing
from sagaz_tui.debugger.reading import Silence, Watch
from sagaz_tui.replaying.stopping import Stoppable
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.stop import StopScreen
from tests.screen.looking import press, until_painted
from tests.screen.pictures.conftest import Matches
from tests.screen.pictures.opened import opened, show
from tests.screen.pictures.recorded import (
    Shaky,
    cancelled,
    going_on,
    no_error,
    one_checkpoint,
    record_replay,
    record_running,
    replay,
    secret,
)
from tests.screen.recorded import record


async def test_a_first_checkpoint_a_gap_a_cancelled_run_and_nothing(matches: Matches) -> None:
    seldom = {
        "debugger-one-checkpoint": one_checkpoint(),
        "debugger-no-error-and-a-gap": no_error(),
        "debugger-cancelled": cancelled(),
        "debugger-secret": secret(),
    }
    async with InMemorySnapshotStorage() as storage:
        for snapshots in seldom.values():
            await record(storage, snapshots)
        async with opened(storage) as pilot:
            for name, snapshots in seldom.items():
                await show(pilot, DebuggerScreen(snapshots[0].saga_id))
                await matches(pilot, name)
            await show(pilot, DebuggerScreen("parcel_9"))
            await matches(pilot, "debugger-not-there")


async def test_a_secret_that_is_revealed_and_masked_again(
    matches: Matches, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reveal(*asked: object) -> str:
        return "tok_5a1d77c0ffee"

    monkeypatch.setattr(revealing, "reveal_secret", reveal)
    async with InMemorySnapshotStorage() as storage:
        await record(storage, secret())
        async with opened(storage, secret()[0].saga_id) as pilot:
            await matches(pilot, "debugger-secret")
            press(pilot, "2", "j", "u")
            await matches(pilot, "debugger-revealed")
            press(pilot, "k")
            await matches(pilot, "debugger-secret")


async def test_a_run_that_goes_on(matches: Matches) -> None:
    async with InMemorySnapshotStorage() as storage:
        writer = await record_running(storage)
        async with opened(storage, "parcel_4", messages=True, read_only=True) as pilot:
            await matches(pilot, "debugger-running-and-silent")
            press(pilot, "h")
            await until_painted(pilot, "2 Context @#2")
            for snapshot in going_on(5)[3:]:
                await writer.append(capture(snapshot))
            await matches(pilot, "debugger-new-checkpoints")
            press(pilot, "R")
            await matches(pilot, "debugger-read-only")


async def test_a_replay_that_runs_is_stopped_or_killed_and_fails(matches: Matches) -> None:
    runs = Stoppable(pid=4711, under_way=("send",), to_undo=2, undoing=False)
    async with InMemorySnapshotStorage() as storage:
        writer = await record_replay(storage)
        async with opened(storage, "parcel_3~r1") as pilot:
            await matches(pilot, "debugger-replay-running")
            for kill, name in ((False, "stop"), (True, "kill")):
                await pilot.app.push_screen(StopScreen(runs, kill=kill))
                await matches(pilot, name)
                await pilot.app.pop_screen()
            for snapshot in replay()[2:]:
                await writer.append(capture(snapshot))
            await matches(pilot, "debugger-replay-failed")


async def test_a_store_that_goes(matches: Matches, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(watch: Watch, retry: int, reason: str) -> None:
        watch._stale(Silence(14, 4, reason))
        await asyncio.Event().wait()

    monkeypatch.setattr(Watch, "_pause", pause)
    async with Shaky() as storage:
        await record(storage, no_error())
        async with opened(storage, "parcel_2") as pilot:
            await until_painted(pilot, "2 Context @#4")
            storage.down = True
            await matches(pilot, "debugger-store-gone")
