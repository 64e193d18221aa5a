"""What an append and a lease do to the tables: one transaction, few statements.

Everything here runs on the connection's thread, inside ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

from sagaz_core.storage.backends.base import (
    Append,
    EntryRow,
    FamilyRow,
    Outcome,
    RecordRow,
    SagaRow,
)

_KNOWN: Final = (
    "SELECT s.pk, s.head, f.fence, f.holder, f.alive_until "
    "FROM saga s LEFT JOIN family f ON f.root = s.root WHERE s.id = ?"
)
_FAMILY: Final = "SELECT fence, holder, alive_until FROM family WHERE root = ?"
_CLAIM: Final = (
    "INSERT INTO family (root, fence, owner, holder, acquired, alive_until) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_LEASE: Final = (
    "UPDATE family SET alive_until = ?, recovered_by = coalesce(?, recovered_by) WHERE root = ?"
)
_NEW_SAGA: Final = (
    "INSERT INTO saga (id, root, parent, parent_seq, name, code, status, compensation, step, "
    "error, error_group, started, updated, ended, head, keyframe, expires) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SAGA: Final = (
    "UPDATE saga SET status = ?, compensation = ?, step = ?, error = ?, error_group = ?, "
    "updated = ?, ended = ?, head = ?, keyframe = ?, expires = ? WHERE pk = ?"
)
_ENTRY: Final = (
    "INSERT INTO entry (saga, seq, keyframe, at, kind, step, snapshot_id, meta, body) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TOUCH: Final = "INSERT INTO touch (saga, key, seq, step) VALUES (?, ?, ?, ?)"
_TAG: Final = "INSERT OR IGNORE INTO tag (name, value, saga) VALUES (?, ?, ?)"


def now_micros() -> int:
    """Return this store's clock: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def stored_id(snapshot_id: str) -> str | bytes:
    """Return how a snapshot's id is stored: a UUID in its 16 bytes, any other as it is."""
    if len(snapshot_id) == 36:
        try:
            raw = bytes.fromhex(snapshot_id.replace("-", ""))
        except ValueError:
            return snapshot_id
        if read_id(raw) == snapshot_id:
            return raw
    return snapshot_id


def read_id(stored: str | bytes) -> str:
    """Return a stored snapshot's id."""
    if isinstance(stored, str):
        return stored
    text = stored.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def append_all(db: sqlite3.Connection, appends: Sequence[Append]) -> list[Outcome]:
    """Write what can be written; what is refused leaves no trace."""
    now = now_micros()
    return [_append(db, append, now) for append in appends]


def _append(db: sqlite3.Connection, append: Append, now: int) -> Outcome:
    row, entry = append.saga, append.entry
    known = db.execute(_KNOWN, (row.saga_id,)).fetchone()
    pk, head, *family = known or (None, 0)
    if head != append.expected_head or pk is None:
        stored = None if entry is None else _stored(db, entry)
        if stored is not None:
            return stored
        if head != append.expected_head:
            return Outcome("conflict", head)
    if append.fence is not None:
        if pk is None:
            family = db.execute(_FAMILY, (row.root,)).fetchone() or (None, None, None)
        if append.claim and family[0] is None:
            lapses = now + append.term
            db.execute(_CLAIM, (row.root, append.fence, append.owner, row.saga_id, now, lapses))
            family = (append.fence, row.saga_id, lapses)
        if family[0] != append.fence or family[1] != row.saga_id:
            return Outcome("fenced", head)
    if pk is None:
        pk = _insert_saga(db, row)
        if entry is not None:
            _insert_entry(db, pk, entry)
    else:
        if entry is not None:
            try:
                _insert_entry(db, pk, entry)
            except sqlite3.IntegrityError:
                stored = _stored(db, entry)
                if stored is None:
                    raise
                return stored
        _update_saga(db, row, pk)
    if append.fence is not None:
        _extend_lease(db, append, family[2], now)
    touches = append.touches
    if len(touches) == 1:
        touch = touches[0]
        db.execute(_TOUCH, (pk, touch.key, touch.seq, touch.step))
    elif touches:
        db.executemany(_TOUCH, [(pk, touch.key, touch.seq, touch.step) for touch in touches])
    if append.tags:
        db.executemany(_TAG, [(name, value, pk) for name, value in append.tags])
    return Outcome("stored", row.head)


def _stored(db: sqlite3.Connection, entry: EntryRow) -> Outcome | None:
    found = db.execute(
        "SELECT seq FROM entry WHERE snapshot_id = ?", (stored_id(entry.snapshot_id),)
    ).fetchone()
    return Outcome("duplicate", found[0]) if found else None


def _extend_lease(
    db: sqlite3.Connection, append: Append, alive_until: int | None, now: int
) -> None:
    if append.release:
        until = None
    elif alive_until is None or alive_until - now < append.term * 3 // 4:
        until = now + append.term
    else:
        # Most of the term is left: the row need not be written again for each checkpoint.
        return
    recovered_by = append.saga.saga_id if append.recovers else None
    db.execute(_LEASE, (until, recovered_by, append.saga.root))


def _ended(row: SagaRow) -> int | None:
    return row.updated if row.status in ("completed", "failed") else None


def _insert_saga(db: sqlite3.Connection, row: SagaRow) -> int:
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
        ),
    )
    assert inserted.lastrowid is not None
    return inserted.lastrowid


def _update_saga(db: sqlite3.Connection, row: SagaRow, pk: int) -> None:
    db.execute(
        _SAGA,
        (
            row.status,
            row.compensation,
            row.step,
            row.error,
            row.error_group,
            row.updated,
            _ended(row),
            row.head,
            row.keyframe,
            row.expires,
            pk,
        ),
    )


def _insert_entry(db: sqlite3.Connection, pk: int, entry: EntryRow) -> None:
    db.execute(
        _ENTRY,
        (
            pk,
            entry.seq,
            entry.keyframe,
            entry.at,
            entry.kind,
            entry.step,
            stored_id(entry.snapshot_id),
            entry.meta,
            entry.body,
        ),
    )


def delete_saga(db: sqlite3.Connection, saga_id: str) -> int:
    """Remove a saga with all that belongs to it; returns how many entries went."""
    found = db.execute("SELECT pk, root FROM saga WHERE id = ?", (saga_id,)).fetchone()
    if found is None:
        return 0
    pk, root = found
    gone = db.execute("DELETE FROM entry WHERE saga = ?", (pk,)).rowcount
    for table in ("touch", "tag"):
        db.execute(f"DELETE FROM {table} WHERE saga = ?", (pk,))
    db.execute(
        "DELETE FROM record WHERE saga = ? AND (expires IS NULL OR expires <= ?)",
        (saga_id, now_micros()),
    )
    db.execute("DELETE FROM saga WHERE pk = ?", (pk,))
    db.execute(
        "DELETE FROM family WHERE root = ?1 AND NOT EXISTS (SELECT 1 FROM saga WHERE root = ?1)",
        (root,),
    )
    return gone


# ---------------------------------------------------------------- leases


def read_family(db: sqlite3.Connection, root: str) -> FamilyRow | None:
    """Return a family's row as it is now."""
    found = db.execute(
        "SELECT fence, owner, holder, alive_until, acquired, recovered_by "
        "FROM family WHERE root = ?",
        (root,),
    ).fetchone()
    return _family_row(root, *found) if found else None


def _family_row(
    root: str,
    fence: int = 0,
    owner: str = "",
    holder: str = "",
    alive_until: int | None = None,
    acquired: int = 0,
    recovered_by: str | None = None,
) -> FamilyRow:
    return FamilyRow(
        root=root,
        fence=fence,
        owner=owner,
        holder=holder,
        alive_until=alive_until,
        acquired=acquired,
        recovered_by=recovered_by,
        now=now_micros(),
    )


def acquire_lease(
    db: sqlite3.Connection, root: str, owner: str, holder: str, term: int, expect_fence: int
) -> tuple[bool, FamilyRow]:
    """Take a lease that nobody alive holds; returns whether, and the family as it is now."""
    family = read_family(db, root) or _family_row(root)
    if family.held or family.fence != expect_fence:
        return False, family
    now = now_micros()
    fence, lapses = expect_fence + 1, now + term
    db.execute(
        "INSERT INTO family (root, fence, owner, holder, alive_until, acquired) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (root) DO UPDATE SET fence = excluded.fence, "
        "owner = excluded.owner, holder = excluded.holder, acquired = excluded.acquired, "
        "alive_until = excluded.alive_until",
        (root, fence, owner, holder, lapses, now),
    )
    return True, _family_row(root, fence, owner, holder, lapses, now, family.recovered_by)


# ---------------------------------------------------------------- documents


def put_record(db: sqlite3.Connection, record: RecordRow, expected_version: int) -> bool:
    """Store a document if its version is the expected one."""
    if expected_version == 0:
        written = db.execute(
            "INSERT OR IGNORE INTO record (kind, id, version, saga, at, expires, body) "
            "VALUES (?, ?, 1, ?, ?, ?, ?)",
            (record.kind, record.id, record.saga, record.at, record.expires, record.body),
        )
    else:
        written = db.execute(
            "UPDATE record SET version = version + 1, saga = ?, at = ?, expires = ?, body = ? "
            "WHERE kind = ? AND id = ? AND version = ?",
            (
                record.saga,
                record.at,
                record.expires,
                record.body,
                record.kind,
                record.id,
                expected_version,
            ),
        )
    return written.rowcount == 1
