"""A shop's order whose charge failed, and its plan on the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from sagaz_core.replay.overrides import parse_override
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.settings import Settings
from tests.screen.looking import until


def settings(**more: Any) -> Settings:
    """Settings that name the shop's module."""
    return Settings(
        storage_url="sqlite:///sagaz.db",
        sagas=("tests.end_to_end.shop",),
        sources={"sagas": "the test"},
        **more,
    )


@asynccontextmanager
async def planning_in(
    storage: SnapshotStorage,
    *overrides: str,
    saga_id: str = "order_7",
    step: str = "charge",
    confirm: bool = True,
    settings: Settings | None = None,
    size: tuple[int, int] = (90, 24),
    **request: Any,
) -> AsyncIterator[Pilot[None]]:
    """The app with a plan on top."""
    app = SagazApp(storage, settings or _DEFAULT, ascii=False)
    asked = ReplayRequest(saga_id, step, overrides=tuple(map(parse_override, overrides)), **request)
    async with app.run_test(size=size, notifications=True) as pilot:
        app.started = []
        app.push_screen(PlanScreen(asked, confirm=confirm), app.started.append)
        await until(pilot, lambda: isinstance(app.screen, PlanScreen), "the plan's screen")
        yield pilot


_DEFAULT = settings()


def ledger() -> list[str]:
    """What was done, in order."""
    return [line.split()[0] for line in Path("ledger.txt").read_text().splitlines()]


async def replays(storage: SnapshotStorage) -> list[str]:
    """The replays that the store knows."""
    return [entry.replay_id for entry in await storage.list_replays("order_7")]


async def ended(store: SnapshotStorage) -> None:
    """Wait until the newest replay has ended."""
    deadline = time.monotonic() + 20
    while (await store.list_replays("order_7"))[0].outcome == "running":
        assert time.monotonic() < deadline
        await store.wait(None, 0.1)
        await asyncio.sleep(0.02)
