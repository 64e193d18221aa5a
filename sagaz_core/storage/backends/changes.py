"""Tells tasks that wait for a change of this process's own writes, without delay."""

from __future__ import annotations

import asyncio


class OwnChanges:
    """Counts this process's writes and wakes whoever waits for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Say that something was written."""
        self.count += 1
        if self._waiting:
            for future in self._waiting:
                # Waiters may sit in another event loop, on another thread.
                future.get_loop().call_soon_threadsafe(_wake, future)
            self._waiting.clear()

    async def wait(self, count: int, timeout: float) -> None:
        """Return when more than ``count`` writes were told of, or after ``timeout`` seconds."""
        if self.count != count or timeout <= 0:
            return
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        timer = loop.call_later(timeout, _wake, future)
        self._waiting.add(future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.discard(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
