"""Every key of the debugger, of its panes and of its edit line does what the table says of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.replaying.stopping import Stoppable
from sagaz_tui.settings import Settings
from tests.screen.every_key.walking import (
    EVERYWHERE,
    Step,
    by_ten,
    chosen,
    copied,
    gone,
    leave,
    lit,
    walk,
)
from tests.screen.looking import press, until_painted
from tests.screen.recorded import order_snapshots, record
from tests.screen.replayed import fail_parcel, replay_parcel
from tests.screen.test_debugger import debugging

SCRUB = (
    Step("debugger.next", "l", "▌4 ◇"),
    Step("debugger.next", "right", "▌5 ◆"),
    Step("debugger.previous", "h", "▌4 ◇"),
    Step("debugger.previous", "left", "▌3 ✗"),
    Step("debugger.first", "g", "▌1 ○"),
    Step("debugger.last", "G", "▌6 ■"),
    Step("debugger.first", "home", "▌1 ○"),
    Step("debugger.last", "end", "▌6 ■"),
    Step("debugger.failure-before", "F", "▌3 ✗"),
    Step("debugger.jump-back", "ctrl+o", "▌6 ■"),
    Step("", "F", "▌3 ✗"),
    Step("", "F", "no failure before #3"),
    Step("", "'", "no checkpoint is marked; m marks the one under the cursor"),
    Step("", "g", "▌1 ○"),
    Step("debugger.failure", "f", "▌3 ✗"),
    Step("debugger.mark", "m", "M = mark"),
    Step("debugger.mark-diff", "'", "#3 (mark) is where the cursor is"),
    Step("debugger.mark", "m", gone("M = mark")),
)
PANES = (
    Step("debugger.pane-1", "1", lit("1 Timeline")),
    Step("timeline.down", "j", "▌4 ◇"),
    Step("timeline.down", "down", "▌5 ◆"),
    Step("timeline.up", "k", "▌4 ◇"),
    Step("timeline.up", "up", "▌3 ✗"),
    Step("debugger.next-pane", "tab", lit("2 Context")),
    Step("debugger.previous-pane", "shift+tab", lit("1 Timeline")),
    Step("debugger.pane-2", "2", lit("2 Context")),
    Step("debugger.pane-4", "4", lit("4 Diff")),
    Step("debugger.pane-3", "3", lit("3 Why")),
)
WHY = (
    Step("why.library", "o", "gateway/client.py:88"),
    Step("why.down", "j", gone("CardDeclined: token expired")),
    Step("why.down", "down", gone("attempt 3 of 3")),
    Step("why.up", "k", "attempt 3 of 3"),
    Step("why.up", "up", "CardDeclined: token expired"),
    *by_ten("why", gone("CardDeclined: token expired"), "CardDeclined: token expired"),
    Step("why.next-tab", "enter", "try 1"),
    Step("debugger.pane-3", "3", gone("try 1")),
    Step("", "enter", "try 1"),
    Step("back", "escape", gone("try 1")),
    Step("", "h", "+ /reserve  {"),
    Step("", "4", lit("4 Diff")),
    Step("why.beside", "v", gone("+ /reserve  {")),
    Step("", "v", "+ /reserve  {"),
)
CONTEXT = (
    Step("", "2", lit("2 Context")),
    Step("context.down", "j", chosen("cart")),
    Step("context.down", "down", chosen("order_id")),
    Step("context.up", "k", chosen("cart")),
    Step("context.fold", "enter", "▾ cart"),
    Step("context.unfold-all", "=", "▾ 0"),
    Step("context.fold-all", "-", "▸ reserve"),
    Step("context.up", "up", chosen("amount")),
    Step("context.search", "/", "enter search"),
    Step("", tuple("qt"), "│ qt"),
    Step("search.begin", "enter", "3 places found for qt"),
    Step("context.found", "n", chosen("qty 1")),
    Step("context.found-before", "N", chosen("qty 2")),
    Step("", "-", chosen("cart")),
    *by_ten("context", chosen("part_08"), chosen("cart")),
    Step("context.reveal", "u", "this is no secret"),
    Step("context.pin", "w", "1 ○ before reserve             │▌ ▸ cart"),
)
ASK = (
    Step("", "end", "▌6 ■"),
    Step("debugger.change-before", "[", "▌1 ○"),
    Step("debugger.change", "]", "cart does not change after #1"),
    Step("debugger.blame", "b", "─ Blame cart"),
    Step("back", "escape", gone("─ Blame cart")),
    Step("debugger.lineage", "t", "─ Lineage of order_1"),
    Step("back", "escape", gone("─ Lineage")),
    Step("debugger.copy-path", "Y", copied("/cart")),
    Step("", "down", chosen("amount")),
    Step("debugger.copy", "y", copied("99.99")),
)
EDIT = (
    Step("debugger.edit", "e", "Edits for the replay from charge"),
    Step("", ("o", "r"), "e> or"),
    Step("edit.complete", "tab", "e> order_id="),
    Step("", "9", '→ "9"'),
    Step("edit.stage", "enter", "1 staged"),
    Step("debugger.undo", "z", gone("1 staged")),
    Step("", "z", "no edit is staged"),
    Step("debugger.redo", "Z", "1 staged"),
    Step("", "e", "e> "),
    Step("", tuple("amount:=[1]"), "ctrl+t allows it"),
    Step("edit.allow-type", "ctrl+t", gone("ctrl+t allows it")),
    Step("back", "escape", gone("e> ")),
    Step("", "e", "e> "),
    Step("", tuple("amount"), "e> amount"),
    Step("edit.editor", "ctrl+e", "99.99 → 12.50"),
)
REPLAY = (
    Step("debugger.compare", "c", " b  parcel_1~r1 "),
    Step("", "escape", "1 Timeline"),
    Step("debugger.plan", "d", "This only shows it."),
    Step("", "escape", "1 Timeline"),
    Step("debugger.rehearse", "s", "GHOST  NOTHING HAS RUN"),
    Step("", "escape", "1 Timeline"),
    Step("debugger.replay", "R", "enter runs 3 steps"),
    Step("", "escape", "1 Timeline"),
)
STOP = (
    Step("debugger.cancel", "X", "stop after charge and undo 2 steps?"),
    Step("stop.confirm", "enter", "it stops once charge has ended"),
    Step("debugger.cancel", "X", "Kill process 7 now?"),
    Step("back", "escape", gone("Kill process")),
)
WALKS = (SCRUB, PANES, WHY, CONTEXT, ASK, EDIT, REPLAY, STOP)


async def test_in_the_debugger(
    written: SnapshotStorage,
    looked_at: SnapshotStorage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await record(written, order_snapshots(**{f"part_{n:02}": n for n in range(10)}))
    editor = tmp_path / "editor.sh"
    editor.write_text('echo 12.50 > "$1"')
    monkeypatch.setenv("VISUAL", f"sh {editor}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with debugging(looked_at, size=(120, 26)) as pilot:
        monkeypatch.setattr(pilot.app, "suspend", contextlib.nullcontext)
        await until_painted(pilot, "▌3 ✗", "token expired")
        await walk(pilot, (*SCRUB, *PANES, *WHY, *CONTEXT, *ASK, *EDIT))
        press(pilot, "q")
        await until_painted(pilot, "2 edits are staged for order_1; q again quits")
        await leave(pilot)


@dataclass(frozen=True, slots=True)
class Harmless(Stoppable):
    """A replay that no signal reaches."""

    def stop(self) -> None:
        """Let it be."""


async def test_in_the_debugger_towards_a_replay(
    written: SnapshotStorage,
    looked_at: SnapshotStorage,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def find(*_: object) -> Stoppable:
        return Harmless(pid=7, under_way=("charge",), to_undo=2, undoing=False)

    monkeypatch.setattr("sagaz_tui.replaying.stopping.find_stoppable", find)
    await fail_parcel(written)
    await replay_parcel(written, token="expired")
    async with debugging(looked_at, "parcel_1", settings=settings) as pilot:
        await until_painted(pilot, "▌3 ✗")
        await walk(pilot, (*REPLAY, *STOP, *EVERYWHERE))
        await leave(pilot)
