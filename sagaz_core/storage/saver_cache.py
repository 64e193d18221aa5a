"""Writers of sagas saved one snapshot at a time, kept for the next one within limits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from sagaz_core.storage.writer import SagaWriter

_MAX_WRITERS: Final = 256
_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of captured state; a writer keeps a few versions of its own."""


class SaverCache:
    """Keeps the most recently used writers, of one event loop: they wait for each other in it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writers: OrderedDict[str, tuple[SagaWriter, int]] = OrderedDict()
        self._bytes = 0

    def get(self, saga_id: str) -> SagaWriter | None:
        """Return the writer kept for a saga in this event loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.clear()
            self._loop = loop
        found = self._writers.get(saga_id)
        return found[0] if found else None

    def put(self, writer: SagaWriter, size: int) -> None:
        """Keep a writer whose saga's state takes ``size`` bytes, and let the oldest go."""
        self.drop(writer.saga_id)
        self._writers[writer.saga_id] = (writer, size)
        self._bytes += size
        while len(self._writers) > _MAX_WRITERS or (
            self._bytes > _MAX_BYTES and len(self._writers) > 1
        ):
            self.drop(next(iter(self._writers)))

    def drop(self, saga_id: str) -> None:
        """Let a writer go; what it has in flight is written all the same."""
        found = self._writers.pop(saga_id, None)
        if found is not None:
            self._bytes -= found[1]

    def clear(self) -> None:
        """Let all of them go."""
        self._writers.clear()
        self._bytes = 0
