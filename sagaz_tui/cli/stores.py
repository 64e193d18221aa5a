"""Opens the store that a command works on, asks it or changes it, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.settings import load_settings
from sagaz_tui.stores import check_existing, open_existing

Answer = TypeVar("Answer")


def look(
    storage: str | None,
    storage_url: str | None,
    question: Callable[[SnapshotStorage], Awaitable[Answer]],
) -> Answer:
    """Open the store read-only, ask it a question, close it and return the answer."""
    settings = load_settings(storage=storage, storage_url=storage_url)

    async def ask() -> Answer:
        async with open_existing(settings, read_only=True) as store:
            store.require("view")
            return await question(store)

    return asyncio.run(ask())


def look_revealing(
    storage: str | None,
    storage_url: str | None,
    saga_id: str,
    reveal: Sequence[str],
    question: Callable[[StoreReader], Awaitable[Answer]],
) -> Answer:
    """Ask a store a question, whose answer gives some of a saga's secrets as they are.

    It is opened for writing then: that somebody asked for them is put on record.
    """
    if not reveal:
        return look(storage, storage_url, question)

    async def ask(store: SnapshotStorage) -> Answer:
        from sagaz_core.errors import NotFoundError
        from sagaz_core.process import process_owner
        from sagaz_core.replay.pointer import join_pointer, split_pointer, to_pointer

        paths = [tuple(split_pointer(to_pointer(place))) for place in reveal]
        shown = await store.reveal(saga_id, paths, by=process_owner())
        answer = await question(shown)
        if shown.not_found:
            raise NotFoundError(
                f"no secret of {saga_id!r} is at {join_pointer(shown.not_found[0])} there; name "
                "the whole path of one, such as /cards/0/cvv"
            )
        return answer

    return change(storage, storage_url, ask)


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
