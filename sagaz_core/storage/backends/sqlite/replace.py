"""Puts another wrapped key in place of a saga's, or other bytes in place of all that it holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sagaz_core.storage.backends.matching import is_same_saga
from sagaz_core.storage.backends.rows import EntryRow, SagaRow
from sagaz_core.storage.backends.sqlite.rows import read_saga


def rewrap_key(db: sqlite3.Connection, saga_id: str, wrapped_key: bytes, expected: bytes) -> bool:
    """Put a wrapped key in place of the expected one; whether it is there now."""
    rewrapped = db.execute(
        "UPDATE saga SET wrapped_key = ?1 WHERE id = ?2 AND wrapped_key IN (?3, ?1)",
        (wrapped_key, saga_id, expected),
    )
    return rewrapped.rowcount == 1


def replace_entries(
    db: sqlite3.Connection, saga: SagaRow, entries: Sequence[EntryRow], expected_head: int
) -> bool:
    """Put other bytes in place of a saga's, if it is as it was read and at rest."""
    stored = read_saga(db, saga.saga_id)
    if stored is None or stored.alive or stored.head != expected_head:
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
