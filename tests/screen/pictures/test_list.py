"""The saga list: its views, its lines to type in, and what it says when there is little to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core.storage.backends import InMemorySnapshotStorage
from tests.screen.failures import complete, fail
from tests.screen.looking import press, until_painted
from tests.screen.pictures.conftest import Matches
from tests.screen.pictures.opened import HUGE, WIDE, in_each_theme, opened
from tests.screen.pictures.recorded import Shaky


async def test_its_views_and_what_narrows_them(shop: Path, matches: Matches) -> None:
    async with opened(shop, production="PROD-EU") as pilot:
        await matches(pilot, "list-80x24")
        await in_each_theme(pilot, matches, "list-80x24")
        press(pilot, "E")
        await matches(pilot, "list-one-error")
        press(pilot, "escape", "/", *"name:Order* since:10m")
        await matches(pilot, "list-filter")
        press(pilot, *" until:soon")
        await matches(pilot, "list-filter-not-understood")
        press(pilot, *["backspace"] * 11, "enter", "space", "j", "space")
        await matches(pilot, "list-marked")
        press(pilot, "escape", "/", *"name:Return*", "enter")
        await matches(pilot, "list-no-match")
        press(pilot, "escape", "2")
        await matches(pilot, "list-running")
        press(pilot, "3", "s")
        await matches(pilot, "list-all")
        press(pilot, "?")
        await matches(pilot, "list-help")
        press(pilot, "escape")
        await until_painted(pilot, "by oldest")
        press(pilot, ":", *"theme")
        await matches(pilot, "list-palette")


async def test_a_wide_and_a_huge_terminal(shop: Path, matches: Matches) -> None:
    async with opened(shop, size=WIDE) as pilot:
        await matches(pilot, "list-120x40")
        await pilot.resize_terminal(*HUGE)
        await matches(pilot, "list-200x60")
        await pilot.resize_terminal(39, 9)
        await matches(pilot, "too-small")


async def test_an_empty_store_then_no_failure_then_newer_ones(matches: Matches) -> None:
    async with InMemorySnapshotStorage() as storage, opened(storage) as pilot:
        await matches(pilot, "list-empty-store")
        await complete(storage, "order_1", age=90)
        await matches(pilot, "list-no-failure")
        for number in range(2, 6):
            await fail(storage, f"order_{number}", age=60 - number)
            await until_painted(pilot, "order_2")
        await matches(pilot, "list-newer")


async def test_a_store_that_goes(matches: Matches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagaz_tui.screens.live_sagas._LONGEST_RETRY", 1.0)
    async with Shaky() as storage:
        await fail(storage, "order_1")
        async with opened(storage) as pilot:
            await until_painted(pilot, "LIVE", "order_1")
            storage.down = True
            await matches(pilot, "list-store-gone")


async def test_a_store_that_is_not_there(
    matches: Matches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.screens.live_sagas._LONGEST_RETRY", 1.0)
    monkeypatch.chdir(tmp_path)
    async with opened(Path("missing.db"), read_only=True) as pilot:
        await matches(pilot, "list-no-store")


async def test_in_ascii_without_colour(
    shop: Path, matches: Matches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(shop, ascii=True, read_only=True) as pilot:
        await matches(pilot, "list-ascii")
        press(pilot, "enter")
        await matches(pilot, "debugger-ascii")
