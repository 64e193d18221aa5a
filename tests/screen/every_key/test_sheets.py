"""Every key of what opens over a debugger does what the table says of it."""

from __future__ import annotations

import pytest

from sagaz_core.storage.storage import SnapshotStorage
from tests.screen.every_key.walking import (
    EVERYWHERE,
    Step,
    by_ten,
    chosen,
    copied,
    gone,
    leave,
    walk,
)
from tests.screen.looking import press, until_painted
from tests.screen.recorded import counting_snapshots, order_snapshots, record
from tests.screen.replayed import fail_parcel, replay_parcel
from tests.screen.test_debugger import debugging

BLAME = (
    Step("blame.down", "j", chosen("#59")),
    Step("blame.down", "down", chosen("#58")),
    Step("blame.up", "k", chosen("#59")),
    Step("blame.up", "up", chosen("#60")),
    Step("blame.copy", "y", copied("60")),
    Step("", "j", chosen("#59")),
    Step("blame.jump", "enter", "2 Context @#59"),
)
PALETTE = (
    Step("palette.down", "down", "▌ checkpoint before"),
    Step("palette.down", "tab", "▌ first checkpoint"),
    Step("palette.up", "up", "▌ checkpoint before"),
    Step("palette.up", "shift+tab", "▌ next checkpoint"),
    Step("", tuple("first"), "▌ first checkpoint"),
    Step("palette.run", "enter", "2 Context @#1 "),
)
HELP = (
    Step("help.down", "j", gone(" Debugger   ")),
    Step("help.down", "down", gone("next checkpoint ")),
    Step("help.up", "k", "next checkpoint "),
    Step("help.up", "up", " Debugger   "),
    Step("help.page-down", "ctrl+d", gone("failure before")),
    Step("help.page-up", "ctrl+u", "failure before"),
    Step("help.page-down", "pagedown", gone("failure before")),
    Step("help.page-up", "pageup", "failure before"),
)
COPY = (
    Step("copy.down", "j", gone("\nline 00")),
    Step("copy.down", "down", gone("\nline 01")),
    Step("copy.up", "k", "\nline 01"),
    Step("copy.up", "up", "\nline 00"),
    *by_ten("copy", gone("\nline 09"), "\nline 00"),
    Step("back", "escape", gone("\nline 05")),
)
LINEAGE = (
    Step("lineage.down", "j", chosen("parcel_1~r1")),
    Step("lineage.down", "down", chosen("parcel_1~r2")),
    Step("lineage.up", "k", chosen("parcel_1~r1")),
    Step("lineage.up", "up", chosen("parcel_1  failed")),
    *by_ten("lineage", chosen("parcel_1~r2"), chosen("parcel_1  failed")),
    Step("lineage.last", "G", chosen("parcel_1~r2")),
    Step("lineage.first", "g", chosen("parcel_1  failed")),
    Step("lineage.last", "end", chosen("parcel_1~r2")),
    Step("lineage.first", "home", chosen("parcel_1  failed")),
    Step("lineage.copy", "y", copied("parcel_1")),
    Step("", "j", chosen("parcel_1~r1")),
    Step("lineage.open", "enter", " parcel_1~r1  ✗ failed at charge"),
    Step("back", "escape", " parcel_1  ✗ failed at charge"),
)
COMPARE = (
    Step("compare.next", "l", chosen("send")),
    Step("compare.next", "right", chosen("the end")),
    Step("compare.previous", "h", chosen("send")),
    Step("compare.previous", "left", chosen("charge")),
    Step("compare.next", "j", chosen("send")),
    Step("compare.next", "down", chosen("the end")),
    Step("compare.previous", "k", chosen("send")),
    Step("compare.previous", "up", chosen("charge")),
    Step("compare.last", "G", chosen("the end")),
    Step("compare.first", "g", chosen("the beginning")),
    Step("compare.last", "end", chosen("the end")),
    Step("compare.first", "home", chosen("the beginning")),
    Step("compare.difference", "n", chosen("weigh")),
    Step("compare.difference-before", "N", chosen("the beginning")),
    Step("", ("n", "n"), chosen("charge")),
    *by_ten("compare", gone(" a  ✗ failed ·"), " a  ✗ failed ·"),
    Step("compare.swap", "x", " a  parcel_1~r2"),
    Step("compare.open", "enter", "1 Timeline"),
)
WALKS = (BLAME, PALETTE, HELP, COPY, LINEAGE, COMPARE)


async def test_over_a_long_history(
    written: SnapshotStorage, looked_at: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(f"line {n:02}" for n in range(40))
    await record(written, counting_snapshots(60))
    await record(written, order_snapshots("order_1", a_note=text))
    async with debugging(looked_at, "count_1", (100, 24)) as pilot:
        press(pilot, "b")
        await until_painted(pilot, "Blame count", "+ values", "▌▸#60", "step_059")
        await walk(pilot, (*EVERYWHERE, *BLAME))
        press(pilot, ":")
        await until_painted(pilot, "▌ next checkpoint")
        await walk(pilot, PALETTE)
        press(pilot, "?")
        await until_painted(pilot, "Keys and signs")
        await walk(pilot, HELP)
        await leave(pilot)
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    async with debugging(looked_at, "order_1", (100, 24)) as pilot:
        press(pilot, "y")
        await until_painted(pilot, "\nline 00")
        await walk(pilot, COPY)
        press(pilot, "y")
        await until_painted(pilot, "\nline 00")
        await leave(pilot, "ctrl+q")


async def test_over_a_family(written: SnapshotStorage, looked_at: SnapshotStorage) -> None:
    await fail_parcel(written)
    await replay_parcel(written, token="expired")
    await replay_parcel(written, "parcel_1~r1")
    async with debugging(looked_at, "parcel_1", (80, 14)) as pilot:
        press(pilot, "t")
        await until_painted(pilot, "▌✗ parcel_1")
        await walk(pilot, LINEAGE)
        press(pilot, "t")
        await until_painted(pilot, "▌✗ parcel_1")
        # What the last key says is still to be seen when it is pressed again below.
        await walk(pilot, EVERYWHERE[:-1])
        press(pilot, "escape", "c")
        await until_painted(pilot, "▌≠ charge", "─ charge")
        await walk(pilot, (*EVERYWHERE, *COMPARE))
        await leave(pilot)
