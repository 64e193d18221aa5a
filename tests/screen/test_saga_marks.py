"""Marks in the saga list: they belong to sagas, not to rows, and hold until they are taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.screens.sagas import SagasScreen
from sagaz_tui.showing.theme import to_ascii
from tests.screen.failures import TIMEOUT, complete, fail
from tests.screen.lists import ids, listing, selected
from tests.screen.looking import painted, press, until, until_painted


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """Three failed orders, the newest with another error, and one that completed."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        for number in (1, 2):
            await fail(storage, f"order_{number}", age=400 - number)
        await fail(storage, "order_3", age=60, error=TIMEOUT)
        await complete(storage, "order_4")
        yield storage


def marked(pilot: Pilot[None]) -> tuple[str, ...]:
    """The marked ids."""
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, SagasScreen)
    return screen.marked


async def test_space_marks_the_saga_under_the_cursor_and_unmarks_it(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        press(pilot, "space", "j", "j", "space")
        await until_painted(pilot, "• ✗ order_3", "•▌✗ order_1", "• 2 marked")
        assert marked(pilot) == ("order_3", "order_1")
        press(pilot, "space")
        await until_painted(pilot, " ▌✗ order_1", "• 1 marked")
        assert marked(pilot) == ("order_3",)


async def test_a_mark_has_a_sign_where_there_is_only_ascii(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: ids(pilot)[:1] == ["order_3"], "a selection")
        press(pilot, "space")
        await until_painted(pilot, "1 marked")
        assert "*>x order_3" in to_ascii(painted(pilot.app))


async def test_marks_hold_while_rows_come_and_views_change(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        press(pilot, "j", "space")
        await fail(store, "order_5", age=5)
        await until_painted(pilot, "1 marked", "↑ 1 newer")
        press(pilot, "g")
        await until(pilot, lambda: ids(pilot)[:1] == ["order_5"], "the newer one")
        await until_painted(pilot, "• ✗ order_2")
        press(pilot, "3")
        await until(pilot, lambda: len(ids(pilot)) == 5, "all")
        await until_painted(pilot, "• ✗ order_2", "1 marked")


async def test_star_marks_all_that_match_and_freezes_them(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"error:token", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_2", "order_1"], "the two")
        press(pilot, "*")
        await until_painted(pilot, "• 2 marked")
        await fail(store, "order_5", age=5)
        await until_painted(pilot, "↑ 1 newer")
        press(pilot, "g")
        await until(pilot, lambda: len(ids(pilot)) == 3, "the newer one")
        assert marked(pilot) == ("order_2", "order_1")


async def test_star_marks_what_is_not_loaded_yet_too(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "many.db") as storage:
        await asyncio.gather(
            *(fail(storage, f"order_{number:03}", age=1000 - number) for number in range(450))
        )
        async with listing(storage) as pilot:
            await until(pilot, lambda: len(ids(pilot)) == 200, "the first page")
            press(pilot, "*")
            await until_painted(pilot, "• 450 marked")
            assert len(marked(pilot)) == 450


async def test_escape_takes_the_marks_away_before_the_filter(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"error:token", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_2", "order_1"], "the two")
        press(pilot, "*")
        await until_painted(pilot, "• 2 marked")
        press(pilot, "escape")
        await until(pilot, lambda: "marked" not in painted(pilot.app), "no marks")
        assert len(ids(pilot)) == 2
        press(pilot, "escape")
        await until(pilot, lambda: len(ids(pilot)) == 3, "no filter")


async def test_star_right_after_the_filter_marks_what_that_lets_through(
    store: SnapshotStorage,
) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        press(pilot, "/", *"error:token", "enter", "*")
        await until_painted(pilot, "• 2 marked")
        assert marked(pilot) == ("order_2", "order_1")


async def test_r_right_after_star_means_all_of_them(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        press(pilot, "*", "R")
        await until_painted(pilot, "replay of 3 sagas")


async def test_star_marks_nothing_by_a_filter_that_cannot_be_read(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_3", "a selection")
        press(pilot, "/", *"status:faild", "enter", "*")
        await until_painted(pilot, "the filter cannot be read, so nothing is marked")
        assert marked(pilot) == ()


class Slow(SnapshotStorage):
    """A real store that gives pages of sagas out only when it is let."""

    held: asyncio.Event | None = None

    async def list_sagas(self, **filters):  # type: ignore[no-untyped-def]
        if self.held is not None and filters.get("cursor") is not None:
            await self.held.wait()
        return await super().list_sagas(**filters)


async def test_marking_very_many_leaves_the_keys_alive_and_escape_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.screens.sagas.PATIENCE", 0.05)
    real = SQLiteSnapshotStorage(tmp_path / "many.db")
    async with Slow(real.backend) as storage:
        await asyncio.gather(
            *(fail(storage, f"order_{number:03}", age=1000 - number) for number in range(450))
        )
        async with listing(storage) as pilot:
            await until(pilot, lambda: selected(pilot) == "order_449", "a selection")
            storage.held = asyncio.Event()
            press(pilot, "*")
            await until_painted(pilot, "marking, 200 so far (esc)")
            press(pilot, "j")
            await until(pilot, lambda: selected(pilot) == "order_448", "a key to be answered")
            press(pilot, "R")
            await until_painted(pilot, "not all are marked yet")
            press(pilot, "escape")
            await until_painted(pilot, "• 200 marked (esc)")
            storage.held.set()
            assert len(marked(pilot)) == 200
