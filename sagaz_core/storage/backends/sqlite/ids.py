"""Snapshots' ids as they are stored: most of them not at all.

The ids of one run's checkpoints are UUIDs of version 8 that share all but the last 48 bits, which
are the checkpoint's number. The saga's row keeps what they share; an entry whose id is made of
that and its own number stores none, and no index has to hold it.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple, TypeGuard

from sagaz_core.storage.backends.rows import Append, EntryRow

_SHARED: Final = 10
"""How many of an id's 16 bytes a run's checkpoints share."""

_BY_SHARED: Final = (
    "SELECT s.pk, s.id, e.seq, e.hidden FROM saga s JOIN entry e ON e.saga = s.pk "
    "WHERE s.ids = ? AND e.seq = ? AND e.snapshot_id IS NULL"
)
_BY_ID: Final = (
    "SELECT s.pk, s.id, e.seq, e.hidden FROM entry e JOIN saga s ON s.pk = e.saga "
    "WHERE e.snapshot_id = ?"
)


class Place(NamedTuple):
    """Where an entry is."""

    pk: int
    saga_id: str
    seq: int
    hidden: int


def stored_id(snapshot_id: str) -> str | bytes:
    """Return a snapshot's id in the 16 bytes of a UUID, or as it is if it is none."""
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


def derived_id(shared: bytes, seq: int) -> bytes:
    """Return the id of a saga's entry that stores none."""
    return shared + seq.to_bytes(16 - _SHARED, "big")


def is_derived(shared: bytes | None, entry: EntryRow) -> bool:
    """Whether an entry of a saga need not store its id."""
    return shared is not None and stored_id(entry.snapshot_id) == derived_id(shared, entry.seq)


def shared_part(db: sqlite3.Connection, append: Append) -> bytes | None:
    """Return what a new saga's ids share, judging by its first; None if nothing or another's."""
    assert append.entry is not None
    raw = stored_id(append.entry.snapshot_id)
    if not _is_numbered(raw):
        return None
    shared = raw[:_SHARED]
    if not is_derived(shared, append.entry):
        return None
    if not append.new_id:
        lowest, highest = derived_id(shared, 0), shared + b"\xff" * (16 - _SHARED)
        taken = db.execute(
            "SELECT EXISTS (SELECT 1 FROM saga WHERE ids = ?) OR EXISTS "
            "(SELECT 1 FROM entry WHERE snapshot_id BETWEEN ? AND ?)",
            (shared, lowest, highest),
        ).fetchone()[0]
        if taken:
            return None
    return shared


def place_of(db: sqlite3.Connection, snapshot_id: str) -> Place | None:
    """Find an entry by its snapshot's id, hidden or not."""
    raw = stored_id(snapshot_id)
    found = db.execute(_BY_ID, (raw,)).fetchone()
    if found is None and _is_numbered(raw):
        number = int.from_bytes(raw[_SHARED:], "big")
        found = db.execute(_BY_SHARED, (raw[:_SHARED], number)).fetchone()
    return None if found is None else Place(*found)


def _is_numbered(raw: str | bytes) -> TypeGuard[bytes]:
    return isinstance(raw, bytes) and raw[6] >> 4 == 8
