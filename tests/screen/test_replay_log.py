"""The log of a replay beside its history: followed at its end, and still while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.replaying.output import Output, new_output, new_request_id
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.replay_log import LogText, ReplayLog, log_lines
from tests.screen.looking import painted, press, texts, until, until_painted
from tests.screen.replayed import fail_parcel, replay_parcel

TOO_SMALL = ["too", "small:", "make", "it", "40x10"]


@asynccontextmanager
async def looking(saga_id: str, request_id: str | None = None) -> AsyncIterator[Pilot[None]]:
    """The debugger of a parcel, or of its replay."""
    async with InMemorySnapshotStorage() as storage:
        await fail_parcel(storage)
        await replay_parcel(storage, request_id=request_id)
        app = SagazApp(storage, Settings(), saga_id, ascii=False)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await until_painted(pilot, "1 Timeline")
            yield pilot


def write(log: Path, *lines: str) -> None:
    """Go on with a log."""
    with log.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


async def test_the_log_is_followed_at_its_end_and_stands_still_while_it_is_read() -> None:
    request_id = new_request_id()
    log = new_output(request_id)
    write(log, *(f"line {number}" for number in range(40)))
    async with looking("parcel_1~r1", request_id) as pilot:
        await until_painted(pilot, "p log")
        press(pilot, "p")
        await until_painted(pilot, "Log ─", "line 39", "following", "G follow")
        text = pilot.app.screen.query_one(LogText)
        assert text.vertical_scrollbar.position == text.max_scroll_y > 0
        write(log, "and \x1b[2J one more", "‮the last")
        await until_painted(pilot, "\\x1b[2J one more", "\\u202ethe last")
        press(pilot, "k", "up", "j", "down", "ctrl+u")
        await until_painted(pilot, "line 31")
        before = painted(pilot.app).split("Log ─")[1].splitlines()[1:]
        write(log, "while it is read")
        await until_painted(pilot, "17 B more below")
        assert painted(pilot.app).split("Log ─")[1].splitlines()[1:] == before
        press(pilot, "g")
        await until_painted(pilot, str(log)[:40], "line 0")
        press(pilot, "ctrl+d", "ctrl+d", "ctrl+d", "ctrl+d", "ctrl+d")
        await until_painted(pilot, "while it is read", "following")
        press(pilot, "home", "G")
        await until_painted(pilot, "while it is read", "following")
        log.unlink()
        await until_painted(pilot, "cannot be read: No such file")
        await close_both_ways(pilot)
        press(pilot, "p", "e")
        await until_painted(pilot, "Log ─", "key=value")
        await pilot.resize_terminal(39, 9)
        await until(pilot, lambda: painted(pilot.app).split() == TOO_SMALL, "that alone")


async def close_both_ways(pilot: Pilot[None]) -> None:
    panes = pilot.app.screen.query_one(ReplayLog)
    press(pilot, "p")
    await until(pilot, lambda: not panes.display, "closed by p")
    assert pilot.app.focused is not None
    assert pilot.app.focused.id == "context"
    press(pilot, "p")
    await until(pilot, lambda: panes.display, "opened")
    press(pilot, "1", "escape")
    await until(pilot, lambda: not panes.display, "closed by esc")


@pytest.mark.parametrize("saga_id", ["parcel_1", "parcel_1~r1"])
async def test_what_no_screen_started_has_no_log(saga_id: str) -> None:
    async with looking(saga_id, "of a shell") as pilot:
        assert "p log" not in painted(pilot.app)
        press(pilot, "p")
        await until_painted(pilot, f"no log of {saga_id} here")


async def test_a_replay_that_has_recorded_nothing_yet_has_its_log() -> None:
    request_id = new_request_id()
    write(new_output(request_id), "Traceback (most recent call last):")
    async with InMemorySnapshotStorage() as storage:
        await fail_parcel(storage)
        named = ReplayLogEntry(
            replay_id="parcel_1~r1",
            original_saga_id="parcel_1",
            from_step="charge",
            snapshot_id=None,
            sequence=2,
            request_id=request_id,
        )
        await storage.save_replay_log(named)
        app = SagazApp(storage, Settings(), "parcel_1~r1", ascii=False)
        async with app.run_test(size=(80, 24)) as pilot:
            await until_painted(pilot, "is not in this store, or not yet", "p log")
            press(pilot, "p")
            await until_painted(pilot, "Log ─", "Traceback (most recent call last):")


def test_long_lines_are_folded_and_what_is_left_out_is_told() -> None:
    wide = Output(("x" * 45, "", "漢" * 15), size=2_000_000, left_out=1_500_000)
    assert texts(log_lines(wide, Path("/run/log"), 21)) == [
        " in /run/log, whose f",
        " irst 1.5 MB are left",
        "  out here",
        " " + "x" * 20,
        " " + "x" * 20,
        " xxxxx",
        "",
        " " + "漢" * 10,
        " " + "漢" * 5,
    ]
