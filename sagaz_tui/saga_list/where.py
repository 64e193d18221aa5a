"""The part of the list's filter that reads checkpoints: an expression over each saga's latest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sagaz_core.model import SagaSummary

if TYPE_CHECKING:
    from sagaz_core.history.expression import Expression
    from sagaz_core.history.search import Doubts, SagaFilter
    from sagaz_core.storage.storage import SnapshotStorage


class SagasWhere:
    """Asks an expression of sagas; it is parsed and evaluated beside the screen's thread.

    Args:
        storage: where to look.
        text: the expression.
    """

    def __init__(self, storage: SnapshotStorage, text: str) -> None:
        self._storage = storage
        self._text = text
        self._asked: Expression | None = None
        self._found: SagaFilter | None = None
        self._false: dict[str, datetime] = {}

    @property
    def looked_at(self) -> int:
        """Of how many sagas it was asked."""
        return self._found.examined if self._found is not None else 0

    @property
    def doubts(self) -> Doubts | None:
        """Where it had no answer, which was taken for false; None: everywhere it had one."""
        return self._found.doubts if self._found is not None and self._found.doubts.count else None

    async def those_of(self, sagas: Iterable[SagaSummary]) -> list[SagaSummary]:
        """Give those of which it is true; one that was not and has not changed is not asked again.

        Raises:
            ExpressionError: the sentence says what is wrong with it.
        """
        # Imported here: their libraries would double the time in which the list opens.
        from sagaz_core.history.search import SagaFilter, those_where

        if self._asked is None or self._found is None:
            self._asked, self._found = await asyncio.to_thread(_parse, self._text), SagaFilter()
        unknown = [row for row in sagas if self._false.get(row.saga_id) != row.updated_at]
        true = await those_where(self._storage, self._asked, unknown, self._found)
        self._false.update((row.saga_id, row.updated_at) for row in unknown)
        for row in true:
            del self._false[row.saga_id]
        return true


def _parse(text: str) -> Expression:
    from sagaz_core.history.expression import Expression

    return Expression(text)
