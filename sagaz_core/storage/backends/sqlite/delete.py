"""Hides an entry of an SQLite store, and removes a saga with all that belongs to it."""

from __future__ import annotations

import sqlite3

from sagaz_core.storage.backends.sqlite.ids import place_of
from sagaz_core.storage.times import now_micros


def hide_entry(db: sqlite3.Connection, snapshot_id: str) -> bool:
    """Hide an entry; False if there is none, or it is hidden already."""
    place = place_of(db, snapshot_id)
    if place is None or place.hidden:
        return False
    db.execute("UPDATE entry SET hidden = 1 WHERE saga = ? AND seq = ?", (place.pk, place.seq))
    return True


def delete_saga(db: sqlite3.Connection, saga_id: str, *, scrub: bool) -> int:
    """Remove a saga with all that belongs to it; returns how many entries went."""
    found = db.execute("SELECT pk, root FROM saga WHERE id = ?", (saga_id,)).fetchone()
    if found is None:
        return 0
    pk, root = found
    gone = db.execute("DELETE FROM entry WHERE saga = ?", (pk,)).rowcount
    for table in ("touch", "tag"):
        db.execute(f"DELETE FROM {table} WHERE saga = ?", (pk,))
    db.execute(
        "DELETE FROM record WHERE saga = ? AND (? OR expires IS NULL OR expires <= ?)",
        (saga_id, scrub, now_micros()),
    )
    db.execute("DELETE FROM saga WHERE pk = ?", (pk,))
    db.execute(
        "DELETE FROM family WHERE root = ?1 AND NOT EXISTS (SELECT 1 FROM saga WHERE root = ?1)",
        (root,),
    )
    return gone
