"""Several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def at_once(
    places: Iterable[int], work: Callable[[int], Awaitable[None]], concurrency: int
) -> None:
    """Do ``work`` for every place, ``concurrency`` of them at a time, in their order.

    What it raises cancels the others. Cancelling this cancels all that are under way, and waits
    until they have ended.
    """
    remaining = iter(places)

    async def take() -> None:
        for place in remaining:
            await work(place)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(take())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
