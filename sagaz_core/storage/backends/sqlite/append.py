"""What an append does to the tables of an SQLite store: one transaction, few statements.

Everything here runs on the connection's thread, inside ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sagaz_core.storage.backends.rows import Append, EntryRow, Outcome, SagaRow
from sagaz_core.storage.backends.sqlite.ids import is_derived, place_of, shared_part, stored_id
from sagaz_core.storage.backends.sqlite.kinds import code_of
from sagaz_core.storage.times import now_micros

_KNOWN: Final = (
    "SELECT s.id, s.pk, s.head, s.ended, s.ids, f.fence, f.holder, f.alive_until "
    "FROM saga s LEFT JOIN family f ON f.root = s.root"
)
_FAMILY: Final = "SELECT fence, holder, alive_until FROM family WHERE root = ?"
_CLAIM: Final = (
    "INSERT INTO family (root, fence, owner, holder, acquired, alive_until) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_LEASE: Final = (
    "UPDATE family SET alive_until = ?, "
    "recovered_by = coalesce(?, CASE WHEN ? THEN NULL ELSE recovered_by END) WHERE root = ?"
)
_NEW_SAGA: Final = (
    "INSERT INTO saga (id, root, parent, parent_seq, name, code, status, compensation, step, "
    "error, error_group, started, updated, ended, head, keyframe, expires, ids, wrapped_key, mac) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_STATE: Final = (
    "status = ?, compensation = ?, step = ?, error = ?, error_group = ?, updated = ?, head = ?, "
    "keyframe = ?, expires = ?, mac = ?, wrapped_key = coalesce(wrapped_key, ?) WHERE pk = ?"
)
# Without the column by which the indexes are chosen: naming it would rewrite one each time.
_GOING: Final = f"UPDATE saga SET {_STATE}"
_SAGA: Final = f"UPDATE saga SET ended = ?, {_STATE}"
_ENTRY: Final = (
    "INSERT INTO entry (saga, seq, keyframe, at, kind, step, snapshot_id, meta, body, mac) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TOUCH: Final = "INSERT INTO touch (saga, key, seq, step) VALUES (?, ?, ?, ?)"
_TAG: Final = "INSERT OR IGNORE INTO tag (name, value, saga) VALUES (?, ?, ?)"


def append_all(db: sqlite3.Connection, appends: Sequence[Append]) -> list[Outcome]:
    """Write what can be written; what is refused leaves no trace."""
    now = now_micros()
    rows = _Rows(db)
    known = _known_of(db, [append.saga.saga_id for append in appends])
    outcomes: list[Outcome] = []
    for append in appends:
        saga_id = append.saga.saga_id
        if saga_id in rows.sagas_changed:
            rows.write()
            known |= _known_of(db, [saga_id])
        outcomes.append(_append(db, append, known.get(saga_id), rows, now))
        rows.sagas_changed.add(saga_id)
    rows.write()
    return outcomes


class _Known(NamedTuple):
    """A saga as it is before an append, and its family's lease."""

    pk: int
    head: int
    ended: int | None
    ids: bytes | None
    fence: int | None
    holder: str | None
    alive_until: int | None


def _known_of(db: sqlite3.Connection, saga_ids: Sequence[str]) -> dict[str, _Known]:
    if len(saga_ids) == 1:
        found = db.execute(f"{_KNOWN} WHERE s.id = ?", saga_ids)
    else:
        found = db.execute(
            f"{_KNOWN} WHERE s.id IN (SELECT value FROM json_each(?))", (json.dumps(saga_ids),)
        )
    return {saga_id: _Known(*rest) for saga_id, *rest in found}


class _Rows:
    """Rows of many appends, written with one statement a table."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.entries: list[tuple[Any, ...]] = []
        self.sagas: list[tuple[Any, ...]] = []
        self.going: list[tuple[Any, ...]] = []
        self.leases: list[tuple[Any, ...]] = []
        self.touches: list[tuple[Any, ...]] = []
        self.sagas_changed: set[str] = set()

    def write(self) -> None:
        """Write what was collected since the last time."""
        for sql, rows in (
            (_ENTRY, self.entries),
            (_GOING, self.going),
            (_SAGA, self.sagas),
            (_LEASE, self.leases),
            (_TOUCH, self.touches),
        ):
            if rows:
                self._db.executemany(sql, rows)
                rows.clear()


def _append(
    db: sqlite3.Connection, append: Append, known: _Known | None, rows: _Rows, now: int
) -> Outcome:
    row, entry = append.saga, append.entry
    head = 0 if known is None else known.head
    derived = entry is not None and known is not None and is_derived(known.ids, entry)
    if entry is not None and not (head == append.expected_head and (derived or append.new_id)):
        stored = _stored(db, entry, rows)
        if stored is not None:
            return stored
    if head != append.expected_head:
        return Outcome("conflict", head)
    alive_until = None if known is None else known.alive_until
    if append.fence is not None:
        lease = _lease_of(db, row, known)
        if append.claim and lease[0] is None:
            lease = (append.fence, row.saga_id, now + append.term)
            db.execute(_CLAIM, (row.root, append.fence, append.owner, row.saga_id, now, lease[2]))
        if lease[0] != append.fence or lease[1] != row.saga_id:
            return Outcome("fenced", head)
        alive_until = lease[2]
    if known is None:
        ids = None if entry is None else shared_part(db, append)
        derived = ids is not None
        pk = _insert_saga(db, row, ids)
    else:
        pk = known.pk
        if known.ended is None and _ended(row) is None:
            rows.going.append(_state(row, pk))
        else:
            rows.sagas.append((_ended(row), *_state(row, pk)))
    if entry is not None:
        rows.entries.append(_entry_values(pk, entry, derived))
    if append.fence is not None:
        _extend_lease(append, alive_until, now, rows)
    for touch in append.touches:
        rows.touches.append((pk, touch.key, touch.seq, touch.step))
    if append.tags:
        db.executemany(_TAG, [(name, value, pk) for name, value in append.tags])
    return Outcome("stored", row.head)


def _stored(db: sqlite3.Connection, entry: EntryRow, rows: _Rows) -> Outcome | None:
    rows.write()
    place = place_of(db, entry.snapshot_id)
    return None if place is None else Outcome("duplicate", place.seq)


def _lease_of(
    db: sqlite3.Connection, row: SagaRow, known: _Known | None
) -> tuple[int | None, str | None, int | None]:
    if known is not None:
        return known.fence, known.holder, known.alive_until
    found: tuple[int, str, int | None] | None = db.execute(_FAMILY, (row.root,)).fetchone()
    return found or (None, None, None)


def _extend_lease(append: Append, alive_until: int | None, now: int, rows: _Rows) -> None:
    if append.release:
        until = None
    elif append.undoes or alive_until is None or alive_until - now < append.term * 3 // 4:
        until = now + append.term
    else:
        # Most of the term is left: the row need not be written again for each checkpoint.
        return
    recovered_by = append.saga.saga_id if append.recovers else None
    rows.leases.append((until, recovered_by, append.undoes, append.saga.root))


def _ended(row: SagaRow) -> int | None:
    return row.updated if row.status in ("completed", "failed") else None


def _insert_saga(db: sqlite3.Connection, row: SagaRow, ids: bytes | None) -> int:
    inserted = db.execute(
        _NEW_SAGA,
        (
            row.saga_id,
            row.root,
            row.parent,
            row.parent_seq,
            row.name,
            row.code,
            row.status,
            row.compensation,
            row.step,
            row.error,
            row.error_group,
            row.started,
            row.updated,
            _ended(row),
            row.head,
            row.keyframe,
            row.expires,
            ids,
            row.wrapped_key,
            row.mac,
        ),
    )
    assert inserted.lastrowid is not None
    return inserted.lastrowid


def _state(row: SagaRow, pk: int) -> tuple[Any, ...]:
    return (
        row.status,
        row.compensation,
        row.step,
        row.error,
        row.error_group,
        row.updated,
        row.head,
        row.keyframe,
        row.expires,
        row.mac,
        row.wrapped_key,
        pk,
    )


def _entry_values(pk: int, entry: EntryRow, derived: bool) -> tuple[Any, ...]:
    return (
        pk,
        entry.seq,
        entry.keyframe,
        entry.at,
        code_of(entry.kind),
        entry.step,
        None if derived else stored_id(entry.snapshot_id),
        entry.meta,
        entry.body,
        entry.mac,
    )
