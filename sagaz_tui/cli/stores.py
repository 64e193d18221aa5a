"""Opening the store that a command works on; none of them ever creates one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.url import open_storage
from sagaz_tui.secrecy import compliance_of
from sagaz_tui.settings import Settings, load_settings

Answer = TypeVar("Answer")


def open_existing(settings: Settings, *, read_only: bool) -> SnapshotStorage:
    """Return the store that the settings name, not opened yet."""
    read_only = read_only or settings.read_only
    return open_storage(
        settings.storage_url,
        read_only=read_only,
        compliance=compliance_of(settings, writes=not read_only),
    )


def look(
    storage: str | None,
    storage_url: str | None,
    question: Callable[[SnapshotStorage], Awaitable[Answer]],
) -> Answer:
    """Open the store read-only, ask it a question, close it and return the answer."""
    settings = load_settings(storage=storage, storage_url=storage_url)

    async def ask() -> Answer:
        async with open_existing(settings, read_only=True) as store:
            return await question(store)

    return asyncio.run(ask())


def change(
    storage: str | None,
    storage_url: str | None,
    deed: Callable[[SnapshotStorage], Awaitable[Answer]],
) -> Answer:
    """Open the store for writing, do something to it, close it and return the answer."""
    settings = load_settings(storage=storage, storage_url=storage_url)

    async def do() -> Answer:
        await check_existing(settings)
        async with open_existing(settings, read_only=False) as store:
            return await deed(store)

    return asyncio.run(do())


async def check_existing(settings: Settings) -> None:
    """Opening for writing would make a store that is not there; opening to look does not."""
    async with open_existing(settings, read_only=True):
        pass
