"""Sagas and their families: which there are, how each stands, how its run was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sagaz_core.model import RunInfo, SagaSummary
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.listing import SagaPageSummary, micros_of, saga_query, summary_of
from sagaz_core.storage.reading.open_store import OpenStore
from sagaz_core.storage.walking import every_saga

if TYPE_CHECKING:
    from sagaz_core.storage.kin import Kin


class SagaReading(OpenStore):
    """Questions about sagas."""

    async def list_sagas(
        self, *, cursor: str | None = None, limit: int = 100, **filters: Any
    ) -> SagaPageSummary:
        """Return a page of sagas, the latest change first.

        Filters (all that are given must hold): ``status`` (one or several), ``name`` (a class,
        ``*`` standing for anything), ``prefix`` of the id, ``step``, ``error`` (text in it),
        ``error_group``, ``since`` and ``until`` (of the latest change, inclusive), ``tags``,
        ``root_id``, ``unsettled`` (leave out replays and recovered sagas).
        """
        page = await (await self._reader()).sagas(saga_query(**filters), cursor=cursor, limit=limit)
        return SagaPageSummary([summary_of(row) for row in page.rows], page.cursor)

    async def count_sagas(
        self, by: Literal["status", "error_group", "name"], **filters: Any
    ) -> dict[str, int]:
        """Count sagas by a property; the filters are those of :meth:`list_sagas`."""
        return await (await self._reader()).tally(saga_query(**filters), by)

    async def count_ended(
        self,
        status: Literal["completed", "failed"],
        *,
        since: datetime,
        width: timedelta,
        count: int,
    ) -> list[int]:
        """Count the sagas that ended so, in ``count`` stretches of ``width`` from ``since`` on.

        It costs little in a store of any size; a saga that was resumed meanwhile may be counted.
        """
        begin = micros_of(since, "since")
        assert begin is not None
        backend = await self._reader()
        return await backend.ended(status, begin, width // timedelta(microseconds=1), count)

    async def get_saga(self, saga_id: str) -> SagaSummary | None:
        """Return a saga's summary with its tags, or None."""
        row = await (await self._reader()).saga(saga_id)
        return None if row is None else summary_of(row, await self.backend.tags(saga_id))

    async def get_existing_saga(self, saga_id: str) -> SagaSummary:
        """Return a saga's summary with its tags.

        Who asks for a saga by its id and has no use for None asks here: what was forgotten is
        told from what never was.

        Raises:
            SagaForgottenError: its family was erased.
            SagaNotFoundError: there is no such saga.
        """
        row = await self._row(saga_id)
        return summary_of(row, await self.backend.tags(saga_id))

    async def get_run(self, saga_id: str) -> RunInfo:
        """Return what was recorded of a saga's run; raises SagaNotFoundError."""
        from sagaz_core.storage.kin import run_of

        row = await self._row(saga_id)
        return run_of(row, await self.backend.entries(saga_id, 1, 1, bodies=False, hidden=True))

    async def get_kin(self, saga_id: str, *, bodies_up_to: int = 0) -> Kin:
        """Return a saga's family, all that is known of it but its states, at about one moment.

        Args:
            saga_id: one of it.
            bodies_up_to: a saga of at most so many checkpoints comes with what its states are
                made of.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.kin import read_kin

        kin = await (await self._reader()).kin(saga_id, bodies_up_to=bodies_up_to)
        if kin is None:
            raise await self._missing(saga_id)
        return read_kin(kin)

    async def list_family(self, root_id: str) -> list[SagaSummary]:
        """Return a root saga and its replays, the root first, then by start."""
        await self._reader()
        rows = [row async for row in every_saga(self.backend, saga_query(root_id=root_id))]
        rows.sort(key=lambda row: (row.saga_id != root_id, row.started, row.saga_id))
        return [summary_of(row) for row in rows]

    async def get_family(self, root_id: str) -> FamilyRow | None:
        """Return who may act, or acted last, in a family; None: nobody ever under a lease."""
        return await (await self._reader()).family(root_id)
