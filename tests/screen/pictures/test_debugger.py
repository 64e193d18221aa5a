"""The debugger on a failure: its sizes, its panes, and what lies over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core.storage.backends import InMemorySnapshotStorage
from screenshots.recording import ORDER
from screenshots.recording_quote import QUOTE, record_quote
from tests.screen.looking import press, until_painted
from tests.screen.pictures.conftest import Matches
from tests.screen.pictures.opened import HUGE, WIDE, in_each_theme, opened


async def test_a_failure_and_each_of_why_s_tabs(shop: Path, matches: Matches) -> None:
    async with opened(shop, ORDER, production="PROD-EU") as pilot:
        await matches(pilot, "debugger-80x24")
        await in_each_theme(pilot, matches, "debugger-80x24")
        press(pilot, "3", "o")
        await matches(pilot, "debugger-library-frames")
        press(pilot, "enter", "h")
        await matches(pilot, "debugger-diff")
        press(pilot, "v")
        await matches(pilot, "debugger-side-by-side")
        press(pilot, "enter")
        await matches(pilot, "debugger-step")
        press(pilot, "escape", "g", "m", "f", "'")
        await matches(pilot, "debugger-mark")


async def test_what_lies_over_it(
    shop: Path, matches: Matches, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(shop, ORDER) as pilot:
        await until_painted(pilot, "shop/payment.py")
        press(pilot, "b")
        await matches(pilot, "blame")
        await in_each_theme(pilot, matches, "blame")
        press(pilot, "escape", "w", "/", *"qty")
        await matches(pilot, "debugger-search")
        press(pilot, "enter")
        await matches(pilot, "debugger-found-and-pinned")
        press(pilot, ":", *"+2s")
        await matches(pilot, "palette-go")
        press(pilot, "escape", "?")
        await matches(pilot, "debugger-help")
        monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
        press(pilot, "escape", "y")
        await matches(pilot, "copy")


async def test_a_wide_and_a_huge_terminal(shop: Path, matches: Matches) -> None:
    async with opened(shop, ORDER, size=WIDE) as pilot:
        await until_painted(pilot, "shop/payment.py")
        await matches(pilot, "debugger-120x40")
        press(pilot, "4", "v")
        await matches(pilot, "debugger-side-by-side-120x40")
        await pilot.resize_terminal(*HUGE)
        await matches(pilot, "debugger-200x60")


async def test_a_run_and_its_replay(replayed: Path, matches: Matches) -> None:
    async with opened(replayed, ORDER) as pilot:
        await until_painted(pilot, "shop/payment.py")
        press(pilot, "t")
        await matches(pilot, "lineage")
        press(pilot, "escape", "c")
        await matches(pilot, "compare")
        await in_each_theme(pilot, matches, "compare")
        press(pilot, "n", "x")
        await matches(pilot, "compare-swapped")
        await pilot.resize_terminal(*HUGE)
        await matches(pilot, "compare-200x60")


async def test_branches_at_the_same_time(matches: Matches) -> None:
    async with InMemorySnapshotStorage() as storage:
        await record_quote(storage)
        async with opened(storage, QUOTE) as pilot:
            await matches(pilot, "parallel-80x24")
            await pilot.resize_terminal(*WIDE)
            await matches(pilot, "parallel-120x40")
