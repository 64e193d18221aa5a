"""A saga's checkpoints and touches as they are read from the tables of an SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.row_check import checked_entry, checked_touch
from sagaz_core.storage.backends.rows import Chained, EntryRow, Kin, MarkRow, TouchRow
from sagaz_core.storage.backends.sqlite.family import read_family
from sagaz_core.storage.backends.sqlite.ids import derived_id, read_id
from sagaz_core.storage.backends.sqlite.kinds import kind_of
from sagaz_core.storage.backends.sqlite.rows import SAGA, one_moment, saga_row
from sagaz_core.storage.times import now_micros

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


def read_kin(db: sqlite3.Connection, saga_id: str, bodies_up_to: int) -> Kin | None:
    """Return a saga's family with its sagas and their entries, all of one moment."""
    with one_moment(db):
        found = db.execute("SELECT root FROM saga WHERE id = ?", (saga_id,)).fetchone()
        if found is None:
            return None
        family = read_family(db, *found)
        members = []
        for row in db.execute(f"{SAGA} WHERE s.root = ?", found).fetchall():
            saga = saga_row(row, now_micros())
            body = "e.body" if saga.saga_id == saga_id and saga.head <= bodies_up_to else "NULL"
            entries = db.execute(f"{_ENTRY} {body} {_OF_SAGA} ORDER BY e.seq", row[:1]).fetchall()
            members.append((saga, [_entry_row(entry) for entry in entries]))
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
        found = db.execute(
            "SELECT at FROM entry WHERE saga = ? AND seq = ?", (pk, middle)
        ).fetchone()
        if found is None or type(found[0]) is not int:
            what = "is gone from the store" if found is None else "has no time"
            raise CorruptEntryError(
                f"checkpoint {middle} of {saga_id!r} {what}; `sagaz doctor` tells what else is "
                "damaged"
            )
        if found[0] <= at:
            lo = middle
        else:
            hi = middle - 1
    (seq,) = db.execute(
        "SELECT max(seq) FROM entry WHERE saga = ? AND seq <= ? AND NOT hidden", (pk, lo)
    ).fetchone()
    return None if seq is None else int(seq)


def read_marks(db: sqlite3.Connection, saga_id: str, lo: int, hi: int) -> list[MarkRow]:
    """Return what each entry with ``lo <= seq <= hi`` is that is not hidden, in order."""
    rows = db.execute(
        "SELECT seq, kind, step FROM entry WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
        "AND seq BETWEEN ? AND ? AND NOT hidden ORDER BY seq",
        (saga_id, lo, hi),
    )
    return [MarkRow(seq, kind_of(kind, seq), step) for seq, kind, step in rows]


def read_touches(
    db: sqlite3.Connection, saga_id: str, key: str | None, lo: int, hi: int, limit: int | None
) -> list[TouchRow]:
    """Return touches with ``lo <= seq <= hi``, newest first, of one key or of all."""
    rows = db.execute(
        "SELECT key, seq, step FROM touch WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
        f"AND seq BETWEEN ? AND ? {'' if key is None else 'AND key = ? '}"
        "ORDER BY seq DESC, key LIMIT ?",
        [saga_id, lo, hi, *([] if key is None else [key]), -1 if limit is None else limit],
    )
    return [checked_touch(TouchRow(*row)) for row in rows]


def last_touches(
    db: sqlite3.Connection, saga_id: str, keys: Sequence[str], until: int
) -> list[TouchRow]:
    """Return of each of these keys its latest touch with ``seq <= until``, if it has one."""
    found = db.execute("SELECT pk FROM saga WHERE id = ?", (saga_id,)).fetchone()
    sql = (
        "SELECT key, seq, step FROM touch WHERE saga = ? AND key = ? AND seq <= ? "
        "ORDER BY seq DESC LIMIT 1"
    )
    latest = [db.execute(sql, (*found, key, until)).fetchone() for key in keys if found]
    return [checked_touch(TouchRow(*row)) for row in latest if row]


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
