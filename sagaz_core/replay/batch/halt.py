"""What makes a batch start nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Halt:
    """Whether a batch has to stop, and why; the first reason stays."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._event = asyncio.Event()

    def __bool__(self) -> bool:
        return self.reason is not None

    def ask(self, reason: str) -> None:
        """Have the batch stop: what is under way ends, and nothing more is started."""
        if self.reason is None:
            self.reason = reason
            self._event.set()

    async def unless(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """Return what ``work`` returns; None if the batch has to stop first, which cancels it."""
        working, asked = asyncio.ensure_future(work), asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            asked.cancel()
