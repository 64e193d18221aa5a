"""A store whose rows say that sagas ran earlier than they did, so that a demo has a past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from os import PathLike
from typing import Final

from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend

_MICROSECOND: Final = timedelta(microseconds=1)


class EarlierBackend(SQLiteBackend):
    """Stores what it is given, moved into the past by an age of each saga's own."""

    def __init__(self, path: str | PathLike[str], ages: Mapping[str, timedelta]) -> None:
        """Use the file at ``path``; a saga that is not in ``ages`` keeps its times."""
        super().__init__(path)
        self._ages = ages

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store entries and rows with their times moved."""
        return await super().append([self._moved(append) for append in appends])

    def _moved(self, append: Append) -> Append:
        age = self._ages.get(append.saga.saga_id, timedelta()) // _MICROSECOND
        saga, entry = append.saga, append.entry
        return append._replace(
            saga=saga._replace(started=saga.started - age, updated=saga.updated - age),
            entry=entry and entry._replace(at=entry.at - age),
        )
