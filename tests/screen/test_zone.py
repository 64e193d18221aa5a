"""Times are shown, and read, in this machine's zone or in UTC, and which is said."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.debugger.going import ToTime, parse_go
from sagaz_tui.saga_list.filter import parse_filter
from sagaz_tui.screens.palette import PaletteScreen
from sagaz_tui.settings import Settings
from sagaz_tui.showing.zone import use_utc
from tests.screen.failures import NOW
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import BEGAN, order_snapshots, record


@pytest.fixture(autouse=True)
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be where the clock is nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    use_utc(False)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one failed order."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        await record(storage, order_snapshots())
        yield storage


async def test_the_list_says_in_which_zone_its_clock_is(store: SnapshotStorage) -> None:
    for times, shown in (("local", "LIVE 12:12:07 JST"), ("utc", "LIVE 03:12:07 UTC")):
        app = SagazApp(store, Settings(times=times), ascii=False, clock=lambda: NOW)
        async with app.run_test(size=(80, 24)) as pilot:
            await until_painted(pilot, shown)


async def test_the_palette_changes_the_zone_of_every_time_on_the_screen(
    store: SnapshotStorage,
) -> None:
    app = SagazApp(store, Settings(), "order_1", ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_painted(pilot, "2 Context @#3")
        press(pilot, "3", "3", "3")
        await until_painted(pilot, "12:10:40.096 JST  +3.000s", "12:10:40  1.204s")
        press(pilot, ":")
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen))
        press(pilot, *"in utc", "enter")
        await until_painted(pilot, "03:10:40.096 UTC  +3.000s", "03:10:40  1.204s")
        assert "12:10:4" not in painted(app)
        press(pilot, "b")
        await until_painted(pilot, "03:10:37.096 ")


def test_a_filters_time_is_read_in_the_zone_that_is_shown() -> None:
    for utc, typed in ((False, "2026-07-03T12:12:07"), (True, "2026-07-03T03:12:07")):
        use_utc(utc)
        assert parse_filter(f"since:{typed}").since == NOW


def test_a_typed_time_is_read_in_the_zone_that_is_shown() -> None:
    for utc, typed in ((False, "12:10:37"), (True, "03:10:37"), (True, "2026-07-03 03:10:37")):
        use_utc(utc)
        go = parse_go(typed)
        assert isinstance(go, ToTime)
        assert abs(go.near(BEGAN) - BEGAN).total_seconds() < 1
