"""What is put on record beside checkpoints: leases, replays, batches, events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSummary
from sagaz_core.storage.batch_log import BATCH_LOG, batch_record
from sagaz_core.storage.listing import check_saga_id
from sagaz_core.storage.writing.writable_store import WritableStore

# What writes is imported once something is written: a screen that looks has to open at once.
if TYPE_CHECKING:
    from sagaz_core.model import BatchLogEntry, ReplayLogEntry
    from sagaz_core.storage.lease import Lease


class RecordWriting(WritableStore):
    """Changes that add to what is known of replays, batches and sagas."""

    async def acquire_lease(
        self,
        root_id: str,
        *,
        owner: str,
        holder: str,
        expect_fence: int | None = None,
        term: float = 30.0,
    ) -> Lease:
        """Take a family's lease for the run ``holder``, for ``term`` seconds at first.

        Raises:
            ReplayInProgressError: a run of this family is alive.
            PlanChangedError: ``expect_fence`` is no longer the family's: another run acted.
        """
        from sagaz_core.storage import lease

        return await lease.acquire(
            await self._writable(),
            root_id,
            owner=owner,
            holder=check_saga_id(holder),
            expect_fence=expect_fence,
            term=term,
        )

    async def save_replay_log(
        self, entry: ReplayLogEntry, *, original: SagaSummary | None = None
    ) -> None:
        """Store a line of the replay log, in place of the one of the same replay.

        It is kept for as long as the original and the replay are. That the replay began or ended
        is put into the original's audit trail.

        Args:
            entry: the line.
            original: the saga that is replayed, if the caller has read it; what became of it
                since then does not count.

        Raises:
            DecryptionError: keys were given, and they do not open that of the trails.
        """
        await self._writable()
        await self._replay_log.save(entry, original, await self._audit_key(writes=True))

    async def save_batch(self, entry: BatchLogEntry) -> None:
        """Store a batch's journal, in place of the one of the same batch.

        Raises:
            UsageError: one of its values cannot be stored.
        """
        backend = await self._writable()
        if self._protection is not None:
            from sagaz_core.storage.batch_secrets import encrypt_batch

            entry = await encrypt_batch(self._protection, entry)
        for _ in range(10):
            stored = await backend.get(BATCH_LOG, entry.batch_id)
            version = stored.version if stored else 0
            if await backend.put(batch_record(entry, version + 1), expected_version=version):
                return
        raise StorageUnavailableError(
            f"the journal of {entry.batch_id!r} is being written by somebody else; try again"
        )

    async def record_event(
        self, saga_id: str, event: str, *, by: str, details: Mapping[str, Any] = {}
    ) -> None:
        """Add to a saga's audit trail that something was done to it.

        Args:
            saga_id: the saga.
            event: what was done: ``revealed``.
            by: who did it, in words for a person.
            details: what else is known of it; nothing secret.

        Raises:
            SagaNotFoundError: there is no such saga.
            DecryptionError: keys were given, and they do not open that of the trails.
        """
        from sagaz_core.storage.audit_trail import NewEvent, append_event

        backend = await self._writable()
        await self._row(saga_id)
        new = NewEvent(event=event, by=by, details=details)
        await append_event(backend, saga_id, await self._audit_key(writes=True), new)
