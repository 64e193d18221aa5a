"""A hostile context shows as itself in every pane, and nothing leaves its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.screen import ModalScreen

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.settings import Settings
from tests.screen.hostile import hostile_snapshots
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import record

WAY: tuple[tuple[str, str], ...] = (
    ("enter", "@#3"),
    ("l", "@#4"),
    ("G", "@#6"),
    ("F", "@#3"),
    ("-", "a_huge"),
    ("j", "a_huge"),
    ("enter", "a_huge"),
    ("=", "@#3"),
    ("b", "▌"),
    ("escape", "@#3"),
    ("m", "@#3"),
    ("h", "@#2"),
    ("'", "(mark)"),
    ("v", "@#2"),
    ("escape", "@#2"),
    ("3", "@#2"),
    ("3", "@#2"),
    ("t", "Lineage"),
    ("escape", "@#2"),
    ("e", "stage"),
    ("tab", "stage"),
    ("escape", "@#2"),
)
"""Keys through every pane and sheet, each with what shows that it has come."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one hostile saga."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        await record(storage, hostile_snapshots("order_1", chars=50_000, keys=300))
        yield storage


def assert_harmless(pilot: Pilot[None]) -> None:
    """See that only what prints is painted, every line as wide as the screen."""
    for line in painted(pilot.app).splitlines():
        assert line.isprintable(), repr(line)
        assert cell_len(line) == pilot.app.size.width, repr(line)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((80, 24), marks=pytest.mark.torture),
        pytest.param((120, 40), marks=pytest.mark.torture),
        (200, 60),
    ],
)
async def test_in_every_pane_it_is_only_text_in_its_place(
    store: SnapshotStorage, size: tuple[int, int]
) -> None:
    app = SagazApp(store, Settings(), ascii=False)
    async with app.run_test(size=size) as pilot:
        await until_painted(pilot, "order_1", "Evil\\x1b[2J")
        assert_harmless(pilot)
        for key, sign in WAY:
            press(pilot, key)
            await until_painted(pilot, sign)
            sheet = key in ("b", "t")
            await until(pilot, lambda open=sheet: isinstance(app.screen, ModalScreen) is open)
            await pilot.pause()
            assert_harmless(pilot)
