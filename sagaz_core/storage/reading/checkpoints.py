"""A saga's checkpoints: by id, number or time, in order, and as they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping, Sequence
from datetime import datetime
from typing import Final

from sagaz_core.errors import SnapshotNotFoundError
from sagaz_core.model import CheckpointSummary, KeyTouch, SagaSnapshot, Status
from sagaz_core.storage import decoding
from sagaz_core.storage.backends.rows import MarkRow
from sagaz_core.storage.listing import check_tags, micros_of, saga_query
from sagaz_core.storage.meta import summarize
from sagaz_core.storage.reading.open_store import OpenStore
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.walking import every_saga

_PAGE: Final = 200
_END: Final = 1 << 62
_FOLLOW_SECONDS: Final = 60.0


class CheckpointReading(OpenStore):
    """Questions about checkpoints."""

    async def get_snapshot(self, snapshot_id: str) -> SagaSnapshot | None:
        """Return the checkpoint of this id, or None."""
        place = await (await self._reader()).locate(None, snapshot_id=snapshot_id)
        return None if place is None else await self._read(*place)

    async def get_checkpoint(
        self, saga_id: str, sequence: int, *, steps: bool = True
    ) -> SagaSnapshot:
        """Return the checkpoint of this number.

        Args:
            saga_id: the saga.
            sequence: the checkpoint's number.
            steps: whether to read the lists of completed and compensated steps, which may be as
                long as the saga; otherwise they are empty.

        Raises:
            SagaNotFoundError: there is no such saga.
            SnapshotNotFoundError: the saga has no such checkpoint.
            CorruptEntryError: it is there and cannot be decoded.
        """
        found = await decoding.read_checkpoint(
            await self._reader(), saga_id, sequence, openers=self.opener, steps=steps
        )
        if found is None:
            await self._row(saga_id)
            raise SnapshotNotFoundError(
                f"saga {saga_id!r} has no checkpoint {sequence}; "
                f"`sagaz show {saga_id}` lists the ones it has"
            )
        return found

    async def get_latest_snapshot(
        self, saga_id: str, before_step: str | None = None
    ) -> SagaSnapshot | None:
        """Return a saga's newest checkpoint, or its newest before_step one of a step."""
        backend = await self._reader()
        until = _END
        while entries := await backend.entries(
            saga_id, 1, until, reverse=True, limit=_PAGE if before_step else 1, bodies=False
        ):
            for entry in entries:
                if before_step is None or (entry.kind, entry.step) == ("before_step", before_step):
                    return await self._read(saga_id, entry.seq)
            until = entries[-1].seq - 1
        return None

    async def get_snapshot_at_time(self, saga_id: str, timestamp: datetime) -> SagaSnapshot | None:
        """Return the latest checkpoint not after ``timestamp``, or None."""
        number = await self.get_number_at_time(saga_id, timestamp)
        return None if number is None else await self._read(saga_id, number)

    async def get_number_at_time(self, saga_id: str, timestamp: datetime) -> int | None:
        """Return the number of the latest checkpoint not after ``timestamp``, or None."""
        at = micros_of(timestamp, "timestamp")
        place = await (await self._reader()).locate(saga_id, at=at)
        return None if place is None else place[1]

    async def list_snapshots(
        self,
        saga_id: str | None = None,
        *,
        saga_id_prefix: str | None = None,
        status: Status | None = None,
        step_name: str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[SagaSnapshot]:
        """Return checkpoints, newest first.

        With ``saga_id`` those of that saga. Without it one a saga, the latest, of every saga
        that matches, leaving out replays and sagas that a replay has recovered; ``status`` and
        ``step_name`` are then the saga's. ``after`` and ``before`` are inclusive. ``tags`` are
        always the saga's. There is no limit but the one given.
        """
        found: list[SagaSnapshot] = []
        if saga_id is not None:
            lo, hi = micros_of(after, "after"), micros_of(before, "before")
            row = await (await self._reader()).saga(saga_id)
            if row is None or not await self._has_tags(saga_id, tags):
                return []
            async for snapshot in decoding.read_backward(
                self.backend, row, 1, row.head, self.opener
            ):
                at = to_micros(snapshot.created_at)
                if len(found) == limit or (lo is not None and at < lo):
                    break
                if (
                    (hi is None or at <= hi)
                    and status in (None, snapshot.status)
                    and step_name in (None, snapshot.step_name)
                    and snapshot.saga_id.startswith(saga_id_prefix or "")
                ):
                    found.append(snapshot)
            return found
        await self._reader()
        query = saga_query(
            status=status,
            prefix=saga_id_prefix,
            step=step_name,
            since=after,
            until=before,
            tags=tags,
            unsettled=True,
        )
        async for row in every_saga(self.backend, query):
            if len(found) == limit:
                break
            async for snapshot in decoding.read_backward(
                self.backend, row, 1, row.head, self.opener
            ):
                found.append(snapshot)
                break
        return found

    async def iter_checkpoints(
        self,
        saga_id: str,
        first: int = 1,
        last: int | None = None,
        *,
        only: Container[int] | None = None,
        steps: bool = True,
    ) -> AsyncIterator[SagaSnapshot]:
        """Yield a saga's checkpoints from number ``first`` to ``last``, in order, in one pass.

        With ``only`` those of these numbers, the others being passed over at little cost.
        ``steps`` is as for :meth:`get_checkpoint`.
        """
        row = await self._row(saga_id)
        until = row.head if last is None else min(last, row.head)
        async for snapshot in decoding.ForwardReader(self.backend, self.opener).read(
            row, first, until, only=only, steps=steps
        ):
            yield snapshot

    async def list_checkpoints(
        self,
        saga_id: str,
        *,
        after: int = 0,
        until: int | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[CheckpointSummary]:
        """Return a timeline: the numbers above ``after`` up to ``until``; no body is read."""
        entries = await (await self._reader()).entries(
            saga_id,
            after + 1,
            _END if until is None else until,
            reverse=reverse,
            limit=limit,
            bodies=False,
        )
        return [summarize(saga_id, entry) for entry in entries]

    async def list_changes(
        self,
        saga_id: str,
        *,
        key: str | None = None,
        first: int = 1,
        last: int | None = None,
        limit: int | None = None,
    ) -> list[KeyTouch]:
        """Return which checkpoint changed which top-level key, newest first; no body is read."""
        touches = await (await self._reader()).touches(
            saga_id, key=key, lo=first, hi=_END if last is None else last, limit=limit
        )
        return [KeyTouch(touch.key, touch.seq, touch.step) for touch in touches]

    async def list_latest_changes(
        self, saga_id: str, keys: Sequence[str], until: int
    ) -> list[KeyTouch]:
        """Return of each of these top-level keys its latest change not after a checkpoint."""
        touches = await (await self._reader()).last_touches(saga_id, keys, until)
        return [KeyTouch(touch.key, touch.seq, touch.step) for touch in touches]

    async def list_marks(self, saga_id: str, first: int, last: int) -> list[MarkRow]:
        """Return number, kind and step of checkpoints, in order, and nothing else of them."""
        return await (await self._reader()).marks(saga_id, first, last)

    async def wait(self, cursor: int | None, timeout: float) -> int:
        """Return when the store has changed since ``cursor``, or after ``timeout`` seconds.

        Returns the cursor to wait with next; None, to begin with, returns at once.
        """
        return await (await self._reader()).wait(cursor, timeout)

    async def follow(self, saga_id: str, *, after: int = 0) -> AsyncIterator[SagaSnapshot]:
        """Yield checkpoints above ``after`` as they are written, by whichever process.

        Waits for a saga that is not there yet, and ends when it has completed or failed.
        """
        backend = await self._reader()
        cursor = await backend.wait(None, 0)
        position, seen = after, False
        reader = decoding.ForwardReader(backend, self.opener)
        while True:
            row = await backend.saga(saga_id)
            if row is not None:
                async for snapshot in reader.read(row, position + 1, row.head):
                    yield snapshot
                position = max(position, row.head)
                seen = True
                if row.status in ("completed", "failed"):
                    return
            elif seen:
                return
            cursor = await backend.wait(cursor, _FOLLOW_SECONDS)

    async def _has_tags(self, saga_id: str, tags: Mapping[str, str] | None) -> bool:
        return not tags or set(check_tags(tags)) <= set(await self.backend.tags(saga_id))

    async def _read(self, saga_id: str, sequence: int) -> SagaSnapshot | None:
        return await decoding.read_checkpoint(self.backend, saga_id, sequence, openers=self.opener)
