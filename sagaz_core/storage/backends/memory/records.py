"""The documents of a memory store."""

from __future__ import annotations

from dataclasses import replace

from sagaz_core.storage.backends.rows import RecordRow


class MemoryRecords:
    """Each document by its kind and id."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], RecordRow] = {}

    def put(self, record: RecordRow, expected_version: int) -> bool:
        """Store a document if its version is the expected one, which it raises."""
        place = (record.kind, record.id)
        stored = self._rows.get(place)
        if (stored.version if stored else 0) != expected_version:
            return False
        self._rows[place] = replace(record, version=expected_version + 1)
        return True

    def get(self, kind: str, id: str) -> RecordRow | None:
        """Return a document."""
        return self._rows.get((kind, id))

    def scan(
        self, kind: str, saga: str | None, before: tuple[int, str] | None, limit: int | None
    ) -> list[RecordRow]:
        """Return documents of a kind, newest first, as :meth:`Backend.scan` says."""
        found = [
            record
            for record in self._rows.values()
            if record.kind == kind
            and saga in (None, record.saga)
            and (before is None or (record.at, record.id) < before)
        ]
        found.sort(key=lambda record: (record.at, record.id), reverse=True)
        return found if limit is None else found[:limit]

    def ids(self, kind: str) -> set[str]:
        """Return the ids of a kind's documents."""
        return {id for of_kind, id in self._rows if of_kind == kind}

    def expired(self, now: int) -> list[RecordRow]:
        """Return the documents that expire not after ``now``."""
        rows = self._rows.values()
        return [each for each in rows if each.expires is not None and each.expires <= now]

    def forget(self, record: RecordRow) -> None:
        """Remove a document."""
        del self._rows[record.kind, record.id]

    def forget_saga(self, saga_id: str, now: int, *, scrub: bool) -> None:
        """Remove a saga's documents; without ``scrub`` not those that expire after ``now``."""
        for record in list(self._rows.values()):
            kept = record.expires is not None and record.expires > now and not scrub
            if record.saga == saga_id and not kept:
                self.forget(record)
