"""What goes from a store, and what keeps it from going."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagaz_core.errors import SagaNotFoundError
from sagaz_core.model import utc_now
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.codec import valid_text
from sagaz_core.storage.listing import micros_of
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.writing.records import RecordWriting

# What writes is imported once something is written: a screen that looks has to open at once.
if TYPE_CHECKING:
    from sagaz_core.storage.forgetting import ForgetReport
    from sagaz_core.storage.pruning import PruneReport


class Removing(RecordWriting):
    """Changes that remove something, or keep it from being removed."""

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
        from sagaz_core.process import process_owner
        from sagaz_core.storage import holding

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

    async def hold(self, saga_id: str, *, by: str, reason: str) -> None:
        """Keep a saga's family from now on, whatever its retention says; it cannot be forgotten.

        Nor can one of its checkpoints be deleted.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage import holding

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
        from sagaz_core.storage import holding

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
                nothing was erased, unless that came about meanwhile: then those before it were.
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

    async def _record_of_family(
        self, row: SagaRow, event: str, *, by: str, details: Mapping[str, Any] = {}
    ) -> None:
        """Add to the trail of a saga's root; of the saga itself where the root has expired."""
        is_there = row.root == row.saga_id or await self.backend.saga(row.root) is not None
        saga_id = row.root if is_there else row.saga_id
        await self.record_event(saga_id, event, by=by, details=details)
