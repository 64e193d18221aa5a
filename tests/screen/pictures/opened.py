"""The program on a store, as the pictures show it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.settings import CHOICES, Settings
from sagaz_tui.showing.theme import PREFIX
from screenshots.recording import NOW
from tests.screen.pictures.conftest import Matches

SMALL, WIDE, HUGE = (80, 24), (120, 40), (200, 60)


@asynccontextmanager
async def opened(
    store: Path | SnapshotStorage,
    saga_id: str | None = None,
    *,
    size: tuple[int, int] = SMALL,
    ascii: bool = False,
    messages: bool = False,
    **settings: Any,
) -> AsyncIterator[Pilot[None]]:
    """The list, or a saga's debugger, at a moment that does not pass."""
    storage, url = store, "memory://"
    if isinstance(store, Path):
        storage, url = SQLiteSnapshotStorage(store, read_only=True), f"sqlite:///{store}"
    app = SagazApp(
        storage,
        Settings(
            storage_url=url,
            sagas=("sagaz_tui.demo.sagas",),
            sources={"sagas": "the pictures"},
            **settings,
        ),
        saga_id,
        ascii=ascii,
        clock=lambda: NOW,
    )
    async with app.run_test(size=size, notifications=messages) as pilot:
        yield pilot


async def show(pilot: Pilot[None], screen: Screen[Any]) -> None:
    """Lay a screen over the list, and nothing else."""
    while len(pilot.app.screen_stack) > 1:
        await pilot.app.pop_screen()
    await pilot.app.push_screen(screen)


async def in_each_theme(pilot: Pilot[None], matches: Matches, name: str) -> None:
    """See that the themes give the same picture, but that of the terminal's own few colours."""
    first, *others = CHOICES["theme"]
    for theme in (*others, first):
        pilot.app.theme = PREFIX + theme
        await matches(pilot, f"{name}-ansi" if theme == "ansi" else name)
