"""Every key of the saga list does what the table says of it."""

from __future__ import annotations

import asyncio

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.settings import Settings
from tests.screen.every_key.walking import EVERYWHERE, Step, copied, gone, leave, walk
from tests.screen.failures import TIMEOUT, begin, complete, fail
from tests.screen.lists import listing
from tests.screen.looking import press, until_painted
from tests.screen.replayed import fail_parcel, replay_parcel

CHOOSE = (
    Step("list.down", "j", "▌✗ order_38"),
    Step("list.down", "down", "▌✗ order_37"),
    Step("list.up", "k", "▌✗ order_38"),
    Step("list.up", "up", "▌✗ order_39"),
    Step("list.half-down", "ctrl+d", "▌✗ order_30"),
    Step("list.half-down", "pagedown", "▌✗ order_21"),
    Step("list.half-up", "ctrl+u", "▌✗ order_30"),
    Step("list.half-up", "pageup", "▌✗ order_39"),
    Step("list.bottom", "G", "▌✗ order_00"),
    Step("list.top", "g", "▌✗ order_39"),
    Step("list.bottom", "end", "▌✗ order_00"),
    Step("list.top", "home", "▌✗ order_39"),
    Step("list.mark", "space", "• 1 marked"),
    Step("list.mark", "space", gone("marked")),
    Step("list.mark-all", "*", "• 40 marked"),
    Step("back", "escape", gone("marked")),
    Step("list.group", "E", "▌✗ order_38"),
    Step("back", "escape", "▌✗ order_39"),
    Step("list.sort", "s", "▌✗ order_00"),
    Step("", "s", "by name"),
    Step("", "s", gone("by name")),
    Step("list.running", "2", "▌▸ running"),
    Step("list.all", "3", "✓ fine"),
    Step("list.failed", "1", "FAILED AT"),
    Step("list.open", "enter", "1 Timeline"),
    Step("back", "escape", "FAILED AT"),
    Step("list.filter", "/", "enter keep  esc back  F1 help"),
    Step("", "1", "/ 1"),
    Step("back", "escape", "enter open"),
    Step("", "/", "enter keep"),
    Step("filter.keep", "enter", "enter open"),
    Step("list.copy", "y", copied("order_39")),
)
REPLAY = (
    Step("list.compare", "c", " b  parcel_1~r1 "),
    Step("back", "escape", "FAILED AT"),
    Step("list.plan", "d", "This only shows it."),
    Step("back", "escape", "FAILED AT"),
    Step("list.replay", "R", "enter runs 3 steps"),
    Step("back", "escape", "FAILED AT"),
)
WALKS = (CHOOSE, REPLAY)


async def record(storage: SnapshotStorage) -> None:
    """Forty failed orders, the newest by another error, and two that did not fail."""
    await asyncio.gather(*(fail(storage, f"order_{n:02}", age=100 - n) for n in range(39)))
    await fail(storage, "order_39", age=10, error=TIMEOUT)
    await complete(storage, "fine", age=9)
    await begin(storage, "running", age=8)


async def test_in_the_list(written: SnapshotStorage, looked_at: SnapshotStorage) -> None:
    await record(written)
    async with listing(looked_at, (100, 24)) as pilot:
        await until_painted(pilot, "▌✗ order_39", "token expired 39")
        await walk(pilot, (*CHOOSE, *EVERYWHERE))
        press(pilot, "/", "x")
        await until_painted(pilot, " / x ")
        await leave(pilot, "ctrl+q")


async def test_in_the_list_towards_a_replay(
    written: SnapshotStorage, looked_at: SnapshotStorage, settings: Settings
) -> None:
    await fail_parcel(written)
    await replay_parcel(written, token="expired")
    async with listing(looked_at, (100, 24), settings=settings) as pilot:
        await until_painted(pilot, "▌✗ parcel_1 ")
        await walk(pilot, REPLAY)
        await leave(pilot)
