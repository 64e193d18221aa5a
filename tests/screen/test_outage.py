"""The failures of the last hours as bars over the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.saga_list.outage import failures_by_minute, outage_line
from sagaz_tui.showing.theme import to_ascii
from sagaz_tui.widgets.lines import line_text, line_width
from tests.screen.failures import NOW, complete, fail
from tests.screen.lists import listing
from tests.screen.looking import painted, until, until_painted

QUIET = (0,) * 360
OUTAGE = (*QUIET[:180], *(2,) * 36, *(318,) * 20, *(40,) * 36, *(0,) * 88)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with three failures in one minute, one long ago, and one saga that completed."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        for number in range(3):
            await fail(storage, f"order_{number}", age=3600 + number)
        await fail(storage, "order_old", age=7 * 3600)
        await complete(storage, "order_9", age=50)
        yield storage


@pytest.mark.parametrize(("width", "bars"), [(80, 10), (100, 20), (120, 36), (200, 60)])
def test_a_wide_terminal_has_more_bars(width: int, bars: int) -> None:
    line = outage_line(OUTAGE, width, taken=46)
    assert sum(span.text in "▁▂▃▄▅▆▇█" for span in line) == bars


def test_where_there_is_no_room_there_are_none() -> None:
    assert line_width(outage_line(OUTAGE, 80, taken=52)) == 27
    assert outage_line(OUTAGE, 80, taken=53) == ()


def test_the_bars_tell_when_and_how_bad_it_was() -> None:
    line = outage_line(OUTAGE, 80, 0)
    assert line_text(line) == "6h ▁▁▁▁▁▂█▂▁▁ peak 318/min "
    assert to_ascii(line_text(line)) == "6h _____.#.__ peak 318/min "


def test_only_failures_are_red() -> None:
    assert {span.token for span in outage_line(QUIET, 80, 0)} == {"muted"}
    assert {span.text for span in outage_line(OUTAGE, 80, 0) if span.token == "fail"} == {"▂", "█"}


def test_one_failure_among_thousands_is_seen() -> None:
    assert "▂" in line_text(outage_line((1, *QUIET[1:359], 50_000), 80, 0))


def test_no_failure_is_said_so_and_what_is_not_known_is_not() -> None:
    assert line_text(outage_line(QUIET, 80, 0)).endswith(" no failure ")
    assert outage_line((), 80, 0) == ()


async def test_what_failed_within_six_hours_is_counted_by_minute(store: SnapshotStorage) -> None:
    counted = await failures_by_minute(store, NOW)
    assert len(counted) == 360
    assert sum(counted) == 3
    assert counted[-62:-59] == (0, 3, 0)


async def test_the_list_shows_them_and_keeps_up(store: SnapshotStorage) -> None:
    async with listing(store, (80, 24)) as pilot:
        await until_painted(pilot, "3 All 5", "6h ▁▁▁▁▁▁▁▁█▁ peak 3/min")
        for number in range(10, 16):
            await fail(store, f"order_{number}", age=30)
        await until_painted(pilot, "peak 6/min")


async def test_a_narrow_terminal_leaves_them_out(store: SnapshotStorage) -> None:
    async with listing(store, (50, 24)) as pilot:
        await until(pilot, lambda: "3 All 5" in painted(pilot.app), "the counts")
        assert "peak" not in painted(pilot.app)
