"""Going through all sagas of a store while others write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from sagaz_core.model import Status
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaQuery, SagaRow

_ENDED: Final[tuple[Status, ...]] = ("completed", "failed")
_GOING: Final[tuple[Status, ...]] = ("executing", "compensating", "interrupted")
_PAGE: Final = 200
_ALL: Final = 1 << 30


async def every_saga(backend: Backend, query: SagaQuery) -> AsyncIterator[SagaRow]:
    """Yield each saga that matches once, the latest change first, by pages.

    A saga that goes on is yielded as it was in the beginning, whatever becomes of it meanwhile:
    those are few, and all read at once. The pages hold those that have ended, which change no
    more and so keep their places.
    """
    asked = query.status or (*_GOING, *_ENDED)
    going = await _going(backend, query, [status for status in asked if status in _GOING])
    known = {row.saga_id for row in going}
    ended = tuple(status for status in asked if status in _ENDED)
    async for row in _pages(backend, replace(query, status=ended)):
        if row.saga_id not in known:
            while going and _newest(going[-1]) > _newest(row):
                yield going.pop()
            yield row
    while going:
        yield going.pop()


async def _going(backend: Backend, query: SagaQuery, statuses: list[Status]) -> list[SagaRow]:
    """Return those that go on, the latest change last."""
    if not statuses:
        return []
    page = await backend.sagas(replace(query, status=tuple(statuses)), cursor=None, limit=_ALL)
    return page.rows[::-1]


async def _pages(backend: Backend, query: SagaQuery) -> AsyncIterator[SagaRow]:
    cursor: str | None = None
    while query.status:
        page = await backend.sagas(query, cursor=cursor, limit=_PAGE)
        for row in page.rows:
            yield row
        cursor = page.cursor
        if cursor is None:
            return


def _newest(row: SagaRow) -> tuple[int, str]:
    return row.updated, row.saga_id
