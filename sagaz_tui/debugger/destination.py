"""Finds the checkpoint that a person wants to go to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

from sagaz_core.errors import NotFoundError, UsageError
from sagaz_tui.debugger.going import Go, ToMoment, ToNumber, ToTime, ToWhere
from sagaz_tui.showing.zone import in_zone

if TYPE_CHECKING:
    from sagaz_core.history.search import Looked
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.debugger.session import SagaSession

Progress = Callable[[str], None]


class Destinations:
    """Finds checkpoints of one saga; it only reads.

    Args:
        storage: where the saga is.
        session: what is known of it.
    """

    def __init__(self, storage: SnapshotStorage, session: SagaSession) -> None:
        self._storage = storage
        self._session = session

    async def find(self, go: Go, here: int, progress: Progress) -> int:
        """Return the number of the checkpoint to go to.

        Args:
            go: where to.
            here: the checkpoint under the cursor.
            progress: is told in words how far a search has come.

        Raises:
            SagazError: there is no such checkpoint, or it cannot be found now; the sentence
                says why.
        """
        if isinstance(go, ToNumber):
            return self._numbered(go.number)
        if isinstance(go, ToWhere):
            return await self._where(go.expression, here, progress)
        return await self._at(go, here)

    @property
    def _saga_id(self) -> str:
        return self._session.saga_id

    @property
    def _last(self) -> int:
        view = self._session.view
        return view.checkpoints.last_number if view is not None else 0

    def _numbered(self, number: int) -> int:
        if not 1 <= number <= self._last:
            raise NotFoundError(f"there is no checkpoint #{number}; the last one is #{self._last}")
        return number

    # -- by time

    async def _at(self, go: ToMoment | ToTime, here: int) -> int:
        base = await self._time_of(here)
        try:
            moment = base + go.span if isinstance(go, ToMoment) else go.near(base)
        except OverflowError:
            raise UsageError(f"{go.text} is outside the calendar") from None
        found = await self._storage.get_number_at_time(self._saga_id, moment)
        if isinstance(go, ToTime):
            return await self._told_if_before(found, go.text)
        if found == here and go.text.startswith("+"):
            raise NotFoundError(f"nothing was recorded within {go.text[1:].strip()} after #{here}")
        return found or await self._first()

    async def _told_if_before(self, found: int | None, text: str) -> int:
        if found is not None:
            return found
        began = in_zone(await self._time_of(await self._first()))
        raise NotFoundError(f"at {text} nothing had been recorded; it began at {began:%H:%M:%S %Z}")

    async def _first(self) -> int:
        for row in await self._storage.list_checkpoints(self._saga_id, limit=1):
            return row.sequence
        return 1

    async def _time_of(self, number: int) -> datetime:
        for row in await self._storage.list_checkpoints(
            self._saga_id, until=number, reverse=True, limit=1
        ):
            return row.created_at
        raise NotFoundError(f"checkpoint #{number} is no longer there")

    # -- by what is true

    async def _where(self, expression: str, here: int, progress: Progress) -> int:
        if not expression:
            raise UsageError("where wants an expression after it, as where ctx.amount > 100")
        progress("reading the expression…")
        search = await asyncio.to_thread(_Search, expression)
        found = await self._next(search, here, None, progress)
        if found is None:
            # From the beginning, as a search in an editor goes on there.
            found = await self._next(search, 0, here, progress)
        if found is None:
            raise NotFoundError(search.why_nothing())
        if found == here:
            raise NotFoundError(f"it becomes true only here, at #{here}")
        return found

    async def _next(
        self, search: _Search, after: int, last: int | None, progress: Progress
    ) -> int | None:
        async with aclosing(search.on(self._storage, self._saga_id, after, last)) as stretches:
            async for looked in stretches:
                if looked.matches:
                    return looked.matches[0].sequence
                progress(f"looked at #{looked.sequence:,} of {self._last:,}")
        return None


class _Search:
    """An expression, and what was found out while it was asked."""

    def __init__(self, text: str) -> None:
        # Their libraries take a quarter of a second to import, which the screen must not wait for.
        from sagaz_core.history.expression import Expression
        from sagaz_core.history.search import Doubts

        self._asked = Expression(text)
        self._doubts = Doubts()
        self._unseen = set(self._asked.keys)

    def on(
        self, storage: SnapshotStorage, saga_id: str, after: int, last: int | None
    ) -> AsyncGenerator[Looked, None]:
        """Go on after a checkpoint."""
        from sagaz_core.history.search import search_on

        return search_on(
            storage,
            saga_id,
            self._asked,
            after=after,
            last=last,
            doubts=self._doubts,
            unseen=self._unseen,
        )

    def why_nothing(self) -> str:
        """Say that nothing was found, and why that may be."""
        nothing = "it becomes true at no checkpoint"
        if self._unseen:
            names = ", ".join(sorted(self._unseen))
            return f"{nothing}; none has {names}, which it names"
        if self._doubts.count:
            return f"{nothing}; at {self._doubts.first} it has no answer: {self._doubts.reason}"
        return nothing
