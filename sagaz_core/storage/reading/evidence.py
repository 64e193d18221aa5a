"""What proves that a store tells what was written, and what keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagaz_core.storage.reading.open_store import OpenStore

if TYPE_CHECKING:
    from sagaz_core.storage.audit_trail import AuditEvent
    from sagaz_core.storage.holding import Hold
    from sagaz_core.storage.tombstones import Tombstone
    from sagaz_core.storage.verification import Verification


class EvidenceReading(OpenStore):
    """Questions about codes, audit trails, holds and tombstones."""

    async def verify_saga(self, saga_id: str) -> Verification:
        """Tell whether a saga's whole history is as it was written.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.verifying import verify_saga

        found = await verify_saga(self.backend, self._protection, await self._row(saga_id))
        if found.status != "tampered":
            return found
        # Its secrets may have been encrypted anew between two looks.
        return await verify_saga(self.backend, self._protection, await self._row(saga_id))

    async def list_audit_events(self, saga_id: str) -> list[AuditEvent]:
        """Return what was done to a saga from outside, the first event first."""
        from sagaz_core.storage.audit_trail import read_events

        return await read_events(await self._reader(), saga_id)

    async def list_proven_events(self, saga_id: str) -> set[int]:
        """Return the numbers of those events that somebody with the store's keys has recorded.

        Empty without these keys: anybody who can write to a store can put the others there.
        """
        from sagaz_core.storage.audit_trail import proven_events

        backend = await self._reader()
        return await proven_events(backend, saga_id, await self._audit_key(writes=False))

    async def verify_audit_events(self, saga_id: str) -> Verification:
        """Tell whether a saga's audit trail is as it was written.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.audit_trail import verify_events

        row = await self._row(saga_id)
        return await verify_events(self.backend, row, await self._audit_key(writes=False))

    async def verify_tombstone(self, stone: Tombstone) -> Verification:
        """Tell whether a tombstone is as it was written."""
        from sagaz_core.storage.tombstones import verify_tombstone

        return verify_tombstone(stone, await self._audit_key(writes=False))

    async def find_hold(self, saga_id: str) -> Hold | None:
        """Return the legal hold on a saga's family; None: it is not held.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.holding import find_hold

        return await find_hold(self.backend, (await self._row(saga_id)).root)

    async def list_holds(self) -> list[Hold]:
        """Return the legal holds, the latest first."""
        from sagaz_core.storage.holding import list_holds

        return await list_holds(await self._reader())
