"""How fast a batch starts its replays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Pace:
    """Lets one through every ``1 / rate`` seconds, the first at once.

    Args:
        rate: how many a second.
        clock: gives seconds that only grow; None: the event loop's.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._between = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._next: float | None = None

    async def wait(self) -> None:
        """Return when the next may start."""
        now = (self._clock or asyncio.get_running_loop().time)()
        # Time that nobody used is not made up for: a burst is what a rate is there to avoid.
        mine = now if self._next is None else max(now, self._next)
        self._next = mine + self._between
        if mine > now:
            await self._sleep(mine - now)
