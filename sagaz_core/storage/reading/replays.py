"""What is on record of replays and of batches of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import DecryptionError
from sagaz_core.storage.batch_log import BATCH_LOG, is_encrypted, unpack_batch
from sagaz_core.storage.listing import micros_of
from sagaz_core.storage.reading.open_store import OpenStore
from sagaz_core.storage.replay_log import REPLAY_LOG, unpack_replay_log

if TYPE_CHECKING:
    from sagaz_core.model import BatchLogEntry, ReplayLogEntry

_PAGE: Final = 200


class ReplayReading(OpenStore):
    """Questions about the replay log and the journals of batches."""

    async def get_replay_log(self, replay_id: str) -> ReplayLogEntry | None:
        """Return the log of one replay, or None."""
        record = await (await self._reader()).get(REPLAY_LOG, replay_id)
        return None if record is None else unpack_replay_log(record.body)

    async def list_replays(self, saga_id: str | None = None) -> list[ReplayLogEntry]:
        """Return the replay log, newest first: of one original, or of all."""
        records = await (await self._reader()).scan(REPLAY_LOG, saga=saga_id)
        return [unpack_replay_log(record.body) for record in records]

    async def iter_replays(self, *, until: datetime | None = None) -> AsyncIterator[ReplayLogEntry]:
        """Yield the whole replay log, newest first, a page in memory at a time.

        Args:
            until: leave out what started later, with a time zone.
        """
        backend = await self._reader()
        last = micros_of(until, "until")
        before = None if last is None else (last + 1, "")
        while records := await backend.scan(REPLAY_LOG, before=before, limit=_PAGE):
            for record in records:
                yield unpack_replay_log(record.body)
            before = records[-1].at, records[-1].id

    async def get_batch(self, batch_id: str) -> BatchLogEntry | None:
        """Return the journal of one batch, or None."""
        record = await (await self._reader()).get(BATCH_LOG, batch_id)
        if record is None:
            return None
        entry = unpack_batch(record)
        if is_encrypted(entry.options) and self._protection is not None:
            from sagaz_core.storage.batch_secrets import decrypt_batch

            with suppress(DecryptionError):
                return await decrypt_batch(self._protection, entry)
        return entry

    async def list_batches(self, *, limit: int | None = None) -> list[BatchLogEntry]:
        """Return the journals of all batches, newest first; of so many at most."""
        records = await (await self._reader()).scan(BATCH_LOG, limit=limit)
        return [unpack_batch(record) for record in records]
