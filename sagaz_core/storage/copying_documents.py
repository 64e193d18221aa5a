"""Copies the replay log and the journals of batches, and reads back what was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sagaz_core.storage.audit_trail import is_beginning
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.batch_log import BATCH_LOG, unpack_batch
from sagaz_core.storage.replay_log import unpack_replay_log


class DocumentCopier:
    """Copies documents from one backend to another.

    Args:
        target: where they go.
        now: microseconds; what has expired until then is left out.
    """

    def __init__(self, target: Backend, now: int) -> None:
        self._target = target
        self._now = now

    async def copy(
        self, record: RecordRow, grew_into: Callable[[RecordRow, RecordRow], bool], what: str
    ) -> tuple[str, bool]:
        """Copy a document; returns why not, or an empty text, and whether it was written.

        Args:
            record: as it is at the source.
            grew_into: whether one is an earlier state of another.
            what: what it is a part of, in words.
        """
        if record.expires is not None and record.expires <= self._now:
            return "", False
        there = await self._target.get(record.kind, record.id)
        if there is not None:
            if there.body == record.body:
                return "", False
            if not grew_into(there, record):
                return f"the {what} of the target tells something else of it", False
        await self._target.put(record, expected_version=there.version if there else 0)
        stored = await self._target.get(record.kind, record.id)
        if stored is None or (stored.saga, stored.at, stored.body) != (
            record.saga,
            record.at,
            record.body,
        ):
            return f"the {what} of the target reads back as something else", False
        return "", True


class BatchCopier:
    """Copies the journals of those batches of which a saga is copied.

    Args:
        source: where they are.
        documents: what copies them.
    """

    def __init__(self, source: Backend, documents: DocumentCopier) -> None:
        self._source = source
        self._documents = documents
        self._batches: dict[str, RecordRow] = {}
        self._of_saga: dict[str, list[str]] = {}
        self._wanted: dict[str, None] = {}

    async def open(self) -> None:
        """Find out which sagas belong to a batch."""
        for record in await self._source.scan(BATCH_LOG):
            self._batches[record.id] = record
            for item in unpack_batch(record).items:
                self._of_saga.setdefault(item[0], []).append(record.id)

    def want(self, saga_ids: Sequence[str]) -> None:
        """Have the journals copied that name one of these."""
        for saga_id in saga_ids:
            self._wanted.update(dict.fromkeys(self._of_saga.get(saga_id, ())))

    async def copy(self) -> tuple[int, list[tuple[str, str]]]:
        """Copy them; returns how many were written, and which were not, with why."""
        count, conflicts = 0, []
        for batch_id in self._wanted:
            reason, written = await self._documents.copy(
                self._batches[batch_id], _batch_grew_into, "journal"
            )
            count += written
            if reason:
                conflicts.append((batch_id, reason))
        return count, conflicts


def replay_grew_into(earlier: RecordRow, later: RecordRow) -> bool:
    """Whether a line of the replay log is an earlier one of the same replay."""
    before, after = unpack_replay_log(earlier.body), unpack_replay_log(later.body)
    return (
        before.outcome == "running"
        and before.started_at == after.started_at
        and before.snapshot_id == after.snapshot_id
    )


def trail_grew_into(earlier: RecordRow, later: RecordRow) -> bool:
    """Whether a saga's audit trail is an earlier one of the same."""
    return is_beginning(earlier, later)


def _batch_grew_into(earlier: RecordRow, later: RecordRow) -> bool:
    before, after = unpack_batch(earlier), unpack_batch(later)
    return (
        before.status != "completed"
        and before.started_at == after.started_at
        and before.items == after.items
        # Who goes on with a stopped batch says so when that has ended.
        and (before.finished_at is None or after.finished_at is not None)
    )
