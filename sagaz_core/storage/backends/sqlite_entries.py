"""A saga's checkpoints as they are read from the tables, and hidden in them.

Everything here runs on the connection's thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.matching import is_same_saga
from sagaz_core.storage.backends.row_check import checked_entry, checked_touch
from sagaz_core.storage.backends.rows import Chained, EntryRow, Kin, SagaRow, TouchRow
from sagaz_core.storage.backends.sqlite_ids import derived_id, place_of, read_id
from sagaz_core.storage.backends.sqlite_query import SAGA, one_moment, saga_row
from sagaz_core.storage.backends.sqlite_write import kind_of, now_micros, read_family

_ENTRY: Final = (
    "SELECT e.seq, e.keyframe, e.at, e.kind, e.step, e.snapshot_id, s.ids, e.hidden, e.meta, e.mac,"
)
"""What :func:`_entry_row` reads, but for the body."""
_OF_SAGA: Final = "FROM saga s JOIN entry e ON e.saga = s.pk WHERE s.id = ?"


def read_entries(
    db: sqlite3.Connection,
    saga_id: str,
    lo: int,
    hi: int,
    *,
    reverse: bool,
    limit: int | None,
    bodies: bool,
    hidden: bool,
) -> list[EntryRow]:
    """Return entries with ``lo <= seq <= hi`` in order; hidden ones only if asked for."""
    rows = db.execute(
        f"{_ENTRY} {'e.body' if bodies else 'NULL'} {_OF_SAGA} AND e.seq BETWEEN ? AND ? "
        f"{'' if hidden else 'AND NOT e.hidden '}"
        f"ORDER BY e.seq {'DESC' if reverse else 'ASC'} LIMIT ?",
        (saga_id, lo, hi, -1 if limit is None else limit),
    ).fetchall()
    return [_entry_row(row) for row in rows]


def read_chained(db: sqlite3.Connection, saga_id: str, seq: int) -> Chained | None:
    """Return an entry with the bodies that its own builds on, all of one moment."""
    with one_moment(db):
        saga = db.execute(f"{SAGA} WHERE s.id = ?", (saga_id,)).fetchone()
        found = db.execute(
            f"{_ENTRY} e.body {_OF_SAGA} AND e.seq = ? AND NOT e.hidden", (saga_id, seq)
        ).fetchone()
        if found is None:
            return None
        entry = _entry_row(found)
        before = db.execute(
            f"SELECT e.body {_OF_SAGA} AND e.seq BETWEEN ? AND ? ORDER BY e.seq",
            (saga_id, entry.keyframe, seq - 1),
        ).fetchall()
    return Chained(saga_row(saga, now_micros()), entry, [body for (body,) in before])


def read_kin(db: sqlite3.Connection, saga_id: str) -> Kin | None:
    """Return a saga's family with its sagas and their entries, all of one moment."""
    with one_moment(db):
        found = db.execute("SELECT root FROM saga WHERE id = ?", (saga_id,)).fetchone()
        if found is None:
            return None
        family = read_family(db, *found)
        sagas = db.execute(f"{SAGA} WHERE s.root = ?", found).fetchall()
        members = []
        for row in sagas:
            entries = db.execute(f"{_ENTRY} NULL {_OF_SAGA} ORDER BY e.seq", row[:1]).fetchall()
            members.append((saga_row(row, now_micros()), [_entry_row(entry) for entry in entries]))
    return Kin(family, members)


def latest_until(db: sqlite3.Connection, saga_id: str, at: int) -> int | None:
    """Find the latest entry not after a time by halving: a saga's times never go back."""
    with one_moment(db):
        return _halve(db, saga_id, at)


def _halve(db: sqlite3.Connection, saga_id: str, at: int) -> int | None:
    found = db.execute("SELECT pk, head FROM saga WHERE id = ?", (saga_id,)).fetchone()
    if found is None:
        return None
    pk, hi = found
    lo = 0
    while lo < hi:
        middle = (lo + hi + 1) // 2
        (taken,) = db.execute(
            "SELECT at FROM entry WHERE saga = ? AND seq = ?", (pk, middle)
        ).fetchone()
        if taken <= at:
            lo = middle
        else:
            hi = middle - 1
    (seq,) = db.execute(
        "SELECT max(seq) FROM entry WHERE saga = ? AND seq <= ? AND NOT hidden", (pk, lo)
    ).fetchone()
    return None if seq is None else int(seq)


def last_touches(
    db: sqlite3.Connection, saga_id: str, keys: Sequence[str], until: int
) -> list[TouchRow]:
    found = db.execute("SELECT pk FROM saga WHERE id = ?", (saga_id,)).fetchone()
    sql = (
        "SELECT key, seq, step FROM touch WHERE saga = ? AND key = ? AND seq <= ? "
        "ORDER BY seq DESC LIMIT 1"
    )
    latest = [db.execute(sql, (*found, key, until)).fetchone() for key in keys if found]
    return [checked_touch(TouchRow(*row)) for row in latest if row]


def replace_entries(
    db: sqlite3.Connection, saga: SagaRow, entries: Sequence[EntryRow], expected_head: int
) -> bool:
    """Put other bytes in place of a saga's, if it is as it was read and at rest."""
    found = db.execute(f"{SAGA} WHERE s.id = ?", (saga.saga_id,)).fetchone()
    stored = found and saga_row(found, now_micros())
    if not stored or stored.alive or stored.head != expected_head:
        return False
    if not is_same_saga(stored, saga):
        return False
    (pk,) = db.execute("SELECT pk FROM saga WHERE id = ?", (saga.saga_id,)).fetchone()
    db.executemany(
        "UPDATE entry SET keyframe = ?, meta = ?, body = ?, mac = ? WHERE saga = ? AND seq = ?",
        ((each.keyframe, each.meta, each.body, each.mac, pk, each.seq) for each in entries),
    )
    db.execute(
        "UPDATE saga SET keyframe = ?, wrapped_key = ?, mac = ? WHERE pk = ?",
        (saga.keyframe, saga.wrapped_key, saga.mac, pk),
    )
    return True


def hide_entry(db: sqlite3.Connection, snapshot_id: str) -> bool:
    """Hide an entry; False if there is none, or it is hidden already."""
    place = place_of(db, snapshot_id)
    if place is None or place.hidden:
        return False
    db.execute("UPDATE entry SET hidden = 1 WHERE saga = ? AND seq = ?", (place.pk, place.seq))
    return True


def _entry_row(row: Sequence[Any]) -> EntryRow:
    seq, keyframe, at, kind, step, stored, ids, hidden, meta, mac, body = row
    if type(seq) is not int or (stored is None and type(ids) is not bytes):
        raise CorruptEntryError(f"checkpoint {seq!r} holds what no sagaz writes")
    found = EntryRow(
        seq=seq,
        keyframe=keyframe,
        at=at,
        kind=kind_of(kind, seq),
        step=step,
        snapshot_id=read_id(derived_id(ids, seq) if stored is None else stored),
        hidden=bool(hidden),
        meta=meta,
        body=body,
        mac=mac,
    )
    return checked_entry(found)
