"""The public face of a store: everything recorded goes in and comes out here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sagaz_core.errors import (
    DecryptionError,
    ReadOnlyStoreError,
    SagaNotFoundError,
    StorageUnavailableError,
)
from sagaz_core.model import SagaSnapshot, SagaSummary, utc_now
from sagaz_core.process import process_owner
from sagaz_core.storage import holding
from sagaz_core.storage.audit_trail import NewEvent, append_event
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.batch_log import BATCH_LOG, batch_record
from sagaz_core.storage.codec import valid_text
from sagaz_core.storage.listing import check_saga_id, check_tags, micros_of, refuse_secret_tags
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.times import to_micros

# What writes is imported once something is written: a screen that looks has to open at once.
if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.manager import ComplianceManager
    from sagaz_core.model import BatchLogEntry, ReplayLogEntry
    from sagaz_core.storage.commits import GroupCommit
    from sagaz_core.storage.forgetting import ForgetReport
    from sagaz_core.storage.lease import Lease
    from sagaz_core.storage.pruning import PruneReport
    from sagaz_core.storage.replay_logging import ReplayLogWriter
    from sagaz_core.storage.revealing import RevealingReader
    from sagaz_core.storage.rotating import Result, RotationReport
    from sagaz_core.storage.saver_cache import SaverCache
    from sagaz_core.storage.writer import SagaWriter

_log = logging.getLogger("sagaz")


class SnapshotStorage(StoreReader):
    """A store of recorded sagas, over a backend.

    It opens itself on first use, can be used again after it was closed, and may serve several
    event loops, one after another. What it returns is a copy; times are in UTC.

    Args:
        backend: where the rows are kept.
        read_only: refuse every write with :class:`ReadOnlyStoreError`, here in the core.
        compliance: which values are secrets, and the keys they are encrypted with.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        read_only: bool = False,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        super().__init__(backend, read_only=read_only, compliance=compliance)

    @cached_property
    def _commits(self) -> GroupCommit:
        from sagaz_core.storage.commits import GroupCommit

        return GroupCommit(self.backend)

    @cached_property
    def _savers(self) -> SaverCache:
        from sagaz_core.storage.saver_cache import SaverCache

        return SaverCache()

    @cached_property
    def _replay_log(self) -> ReplayLogWriter:
        from sagaz_core.storage.replay_logging import ReplayLogWriter

        return ReplayLogWriter(self.backend)

    async def close(self) -> None:
        """Finish what is being written and give everything back."""
        if self._is_open and not self.read_only:
            await self._commits.drain()
            self._savers.clear()
        await super().close()

    async def save_snapshot(self, snapshot: SagaSnapshot) -> int:
        """Store a checkpoint as its saga's next and return its number, once it is durable.

        For tests and other engines: it holds no lease. What cannot be stored is replaced by a
        :class:`~sagaz_core.model.NotStored` marker and logged. The same snapshot saved twice is
        stored once.

        Raises:
            HeadConflictError: another process saved to this saga at the same time; save again.
            DuplicateSnapshotError: another snapshot has this id.
        """
        from sagaz_core.storage.capture import capture

        self._refuse_if_read_only()
        # Before anything is awaited: the caller may change the context meanwhile.
        taken = capture(snapshot)
        for error in taken.errors:
            _log.warning(
                "saga %r: %s could not be stored: %s %s",
                snapshot.saga_id,
                error.path,
                error.type_name,
                error.reason,
            )
        writer = self._savers.get(snapshot.saga_id)
        if writer is None:
            writer = self.writer(saga_id=snapshot.saga_id, saga_name=snapshot.saga_name)
        self._savers.put(writer, taken.size)
        number = await writer.append(taken)
        if snapshot.status in ("completed", "failed"):
            self._savers.drop(snapshot.saga_id)
        return number

    def writer(
        self,
        *,
        saga_id: str,
        saga_name: str,
        code: str = "",
        root_id: str | None = None,
        parent_id: str | None = None,
        parent_sequence: int | None = None,
        tags: Mapping[str, str] = {},
        fence: int | None = None,
        claim: bool = False,
        owner: str = "",
        term: float = 30.0,
        new_ids: bool = False,
    ) -> SagaWriter:
        """Return a writer for one saga's run.

        Args:
            saga_id: 1 to 256 printable characters.
            saga_name: the saga's class.
            code: ``module:qualname`` of that class.
            root_id, parent_id, parent_sequence: for a replay, its family and where it grew from.
            tags: what the saga can be found by.
            fence: the token of the lease that the run holds; None: it holds none.
            claim: take the new family's lease with the first append.
            owner: with ``claim``, who runs it, in words for a person.
            term: seconds by which each append extends the lease.
            new_ids: the snapshots' ids are made for them, so that no other saga can have one.

        Raises:
            UsageError: the id or a tag cannot be one, or a tag is named like a secret.
        """
        self._refuse_if_read_only()
        if self._protection is not None and parent_id is None:
            refuse_secret_tags(self._protection.fields, tags)
        from sagaz_core.storage.saga_rows import SagaIdentity
        from sagaz_core.storage.writer import SagaWriter

        identity = SagaIdentity(
            saga_id=check_saga_id(saga_id),
            saga_name=saga_name,
            code=code,
            root_id=check_saga_id(root_id or saga_id),
            parent_id=parent_id,
            parent_sequence=parent_sequence,
            tags=check_tags(tags),
        )
        return SagaWriter(
            self.backend,
            self._commits,
            identity,
            fence=fence,
            claim=claim,
            owner=owner,
            term=term,
            new_ids=new_ids,
            protection=self._protection,
            is_open=lambda: self._is_open,
            open_store=self._writable,
        )

    async def delete_snapshot(self, snapshot_id: str, *, by: str | None = None) -> bool:
        """Hide a checkpoint at once; False if there is none of this id.

        Its neighbours read as before; its bytes go with its saga. It is on record before it is
        done.

        Args:
            snapshot_id: the checkpoint.
            by: who does it; None: this process and its user.

        Raises:
            NotAllowedError: the settings forbid it, or the saga's family is held.
        """
        self.require("delete")
        backend = await self._writable()
        place = await backend.locate(None, snapshot_id=snapshot_id)
        if place is None:
            return False
        saga_id, sequence = place
        await holding.refuse_held(backend, (await self._row(saga_id)).root)
        await self.record_event(
            saga_id,
            "deleted",
            by=by or process_owner(),
            details={"sequence": sequence, "snapshot": snapshot_id},
        )
        return await backend.hide(snapshot_id)

    async def delete_expired_snapshots(self, now: datetime | None = None) -> int:
        """Remove the sagas whose retention has ended; returns how many checkpoints went.

        What :meth:`prune` does, told in one number.
        """
        return (await self.prune(now)).checkpoints

    async def prune(self, now: datetime | None = None, dry_run: bool = False) -> PruneReport:
        """Remove the sagas whose retention has ended, and what no saga needs any more.

        A saga expires as a whole, at the latest ``retention_until`` of its checkpoints; one in
        whose family a run is alive is kept until that has ended.

        Args:
            now: with a time zone; by default the current time.
            dry_run: change nothing, only tell what would go. Not refused by a read-only store.
        """
        if not dry_run:
            self.require("delete")
        backend = await (self._reader() if dry_run else self._writable())
        moment = micros_of(now, "now") or to_micros(utc_now())
        from sagaz_core.storage import pruning

        return await pruning.prune(backend, moment, dry_run=dry_run, let_go=self._let_go)

    # -- families and replays

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
        """
        backend = await self._writable()
        await self._row(saga_id)
        new = NewEvent(event=event, by=by, details=details)
        await append_event(backend, saga_id, await self._audit_key(writes=True), new)

    async def rotate_keys(
        self,
        *,
        reencrypt: bool = False,
        on_saga: Callable[[str, Result], None] = lambda saga_id, result: None,
    ) -> RotationReport:
        """Bring the keys of all sagas under the provider's current key; others may go on writing.

        Args:
            reencrypt: make new keys for the sagas and encrypt their secrets anew; else only the
                keys they have are wrapped anew, and no data is touched.
            on_saga: is told of each saga what became of it.

        Raises:
            DecryptionError: the keys of the store are not at hand.
        """
        from sagaz_core.storage.rotating import rotate

        backend = await self._writable()
        if self._protection is None:
            raise DecryptionError("there is no key to rotate to; give the keys, the new one first")
        return await rotate(backend, self._protection, reencrypt=reencrypt, on_saga=on_saga)

    async def reveal(
        self, saga_id: str, paths: Collection[tuple[str, ...]], *, by: str
    ) -> RevealingReader:
        """Return the store as it is shown, with some of a saga's secrets as they are.

        That they were asked for is on record before any is given.

        Args:
            saga_id: the saga.
            paths: keys and indices that lead to them; a result's begins with its step.
            by: who asks.

        Raises:
            NotAllowedError: the settings forbid it.
            SagaNotFoundError: there is no such saga.
            DecryptionError: its key is not at hand; nothing is put on record.
        """
        from sagaz_core.storage.revealing import RevealingReader, have_key
        from sagaz_core.storage.unsealing import pointer_to

        self.require("reveal")
        pointers = [pointer_to(path) for path in paths]
        await have_key(self._protection, await self._row(saga_id), ", ".join(pointers))
        await self.record_event(saga_id, "revealed", by=by, details={"paths": pointers})
        return RevealingReader(self, saga_id, paths)

    async def hold(self, saga_id: str, *, by: str, reason: str) -> None:
        """Keep a saga's family from now on, whatever its retention says; it cannot be forgotten.

        Nor can one of its checkpoints be deleted.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        backend = await self._writable()
        row = await self._row(saga_id)
        by, reason = valid_text(by), valid_text(reason)
        hold = holding.Hold(root_id=row.root, at=utc_now(), by=by, reason=reason)
        await holding.set_hold(backend, hold)
        await self._record_of_family(row, "held", by=by, details={"reason": reason})

    async def release_hold(self, saga_id: str, *, by: str) -> bool:
        """End a hold; False: there was none. What has expired meanwhile goes.

        Raises:
            SagaNotFoundError: there is no such saga.
            NotAllowedError: the settings forbid to delete.
        """
        self.require("delete")
        backend = await self._writable()
        row = await self._row(saga_id)
        if await holding.find_hold(backend, row.root) is None:
            return False
        # First on record: the store may let go of the family at once.
        await self._record_of_family(row, "released", by=by)
        return await holding.release_hold(backend, row.root)

    async def forget(
        self, saga_ids: Sequence[str], *, by: str, patience: float = 0
    ) -> ForgetReport:
        """Erase the families of sagas without a trace but a tombstone.

        Asked again for what is erased already, it goes on where bytes were still in files.

        Args:
            saga_ids: the sagas.
            by: who does it, for the tombstone.
            patience: seconds for which a server that writes its files anew is waited for.

        Raises:
            SagaNotFoundError: there is no such saga, and none was erased; nothing was.
            NotAllowedError: the settings forbid it, a family is held, or a run of it is alive;
                nothing was erased.
        """
        from sagaz_core.storage.forgetting import forget

        self.require("delete")
        backend = await self._writable()
        roots: dict[str, None] = {}
        for saga_id in saga_ids:
            row = await backend.saga(saga_id)
            if row is not None:
                roots[row.root] = None
                continue
            stone = await self.find_tombstone(saga_id)
            if stone is None:
                raise SagaNotFoundError(saga_id)
            roots[stone.root_id] = None
        members = {saga.saga_id for root in roots for saga in await self.list_family(root)}
        self._let_go(members)
        key = await self._audit_key(writes=True)
        return await forget(backend, list(roots), by=by, key=key, patience=patience)

    # -- inside

    def _let_go(self, saga_ids: Collection[str]) -> None:
        """Keep nothing at hand of sagas that go from the store."""
        for saga_id in saga_ids:
            self._savers.drop(saga_id)
        if self._protection is not None:
            self._protection.let_go(saga_ids)

    async def _record_of_family(
        self, row: SagaRow, event: str, *, by: str, details: Mapping[str, Any] = {}
    ) -> None:
        """Add to the trail of a saga's root; of the saga itself where the root has expired."""
        is_there = row.root == row.saga_id or await self.backend.saga(row.root) is not None
        saga_id = row.root if is_there else row.saga_id
        await self.record_event(saga_id, event, by=by, details=details)

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise ReadOnlyStoreError(
                f"{self.name} was opened to look only; open it for writing to change it"
            )

    async def _writable(self) -> Backend:
        self._refuse_if_read_only()
        return await self._reader()
