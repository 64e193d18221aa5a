"""The saga list over a store, as the tests of its parts open and read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.saga_table import SagaTable
from tests.screen.failures import NOW
from tests.screen.looking import painted, until


@asynccontextmanager
async def listing(
    storage: SnapshotStorage, size: tuple[int, int] = (100, 24), **options: Any
) -> AsyncIterator[Pilot[None]]:
    """The app, with whatever it lists first."""
    settings = options.pop("settings", Settings())
    app = SagazApp(storage, settings, clock=lambda: NOW, ascii=False, **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: "All" in painted(app) and "LIVE" in painted(app), "a list")
        yield pilot


def table(pilot: Pilot[None]) -> SagaTable:
    """The rows."""
    return pilot.app.screen_stack[0].query_one(SagaTable)


def ids(pilot: Pilot[None]) -> list[str]:
    """The ids of the rows, in order."""
    return [row.saga_id for row in table(pilot).rows]


def selected(pilot: Pilot[None]) -> str:
    """The id in the row that is painted as the selected one."""
    rows = [line for line in painted(pilot.app).splitlines() if line[1:2] == "▌"]
    return rows[0][3:].split()[0] if rows else ""
