"""How many replays of a batch have failed, whoever ran them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import BatchLogEntry
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.times import now_micros, to_micros

_KIND: Final = "batch_failures"


class SharedFailures:
    """The failed sagas of a batch, kept in the store: those who work on it count as one.

    Args:
        backend: where the batch is.
        entry: its journal.
        limit: so many failures stop the batch; None: nothing is counted.
    """

    def __init__(self, backend: Backend, entry: BatchLogEntry, limit: int | None) -> None:
        self.limit = limit
        self._backend = backend
        self._entry = entry
        self._seen: set[str] = set()
        self._lock = asyncio.Lock()

    async def add(self, saga_ids: Iterable[str]) -> None:
        """Count these, each once."""
        if self.limit is None:
            return
        self._seen.update(saga_ids)
        async with self._lock:
            for _ in range(100):
                version = await self._read()
                if version is None or await self._write(version):
                    return
        raise StorageUnavailableError(
            f"the failures of {self._entry.batch_id!r} are being counted by too many at once; "
            "resume it with fewer processes"
        )

    async def reached(self) -> bool:
        """Whether there are as many as stop the batch."""
        if self.limit is None:
            return False
        if len(self._seen) < self.limit:
            await self._read()
        return len(self._seen) >= self.limit

    async def _read(self) -> int | None:
        """Learn of those that others have counted; None if they know all that are known here."""
        record = await self._backend.get(_KIND, self._entry.batch_id)
        counted = set() if record is None else set(unpack(record.body))
        everything_known = counted >= self._seen
        self._seen |= counted
        return None if everything_known else (record.version if record else 0)

    async def _write(self, version: int) -> bool:
        expires = self._entry.expires_at
        return await self._backend.put(
            RecordRow(
                kind=_KIND,
                id=self._entry.batch_id,
                version=version + 1,
                saga=None,
                at=now_micros(),
                expires=None if expires is None else to_micros(expires),
                body=pack(sorted(self._seen)),
            ),
            expected_version=version,
        )
