"""Authentication codes of a saga's checkpoints, chained, with the head's in the saga's row."""

from __future__ import annotations

from collections.abc import Sequence

import ormsgpack

from sagaz_core.compliance.data_key import DataKey
from sagaz_core.errors import TamperedError
from sagaz_core.storage.backends.rows import EntryRow, SagaRow
from sagaz_core.storage.protection import SagaKey


def entry_code(key: DataKey, saga_id: str, before: bytes | None, entry: EntryRow) -> bytes:
    """Return the code of an entry that follows the one with the code ``before``."""
    return key.code(
        ormsgpack.packb(
            [
                "entry",
                saga_id,
                before,
                entry.seq,
                entry.keyframe,
                entry.at,
                entry.kind,
                entry.step,
                entry.snapshot_id,
                entry.meta,
                entry.body,
            ]
        )
    )


def row_code(key: DataKey, row: SagaRow, head: bytes | None) -> bytes:
    """Return the code of a saga's row whose latest entry has the code ``head``."""
    return key.code(
        ormsgpack.packb(
            [
                "row",
                row.saga_id,
                row.root,
                row.parent,
                row.parent_seq,
                row.name,
                row.head,
                row.status,
                row.compensation,
                head,
            ]
        )
    )


def check_entries(
    key: SagaKey, saga_id: str, before: bytes | None, entries: Sequence[EntryRow]
) -> None:
    """Check entries that follow each other, those that were hidden included.

    Args:
        key: the saga's.
        saga_id: the saga.
        before: the code of the entry before the first of them; None: there is none.
        entries: with bodies. Those from before the saga had a key are passed over.

    Raises:
        TamperedError: one is not as it was written, or one that was between them is gone.
    """
    expected = entries[0].seq if entries else 0
    for entry in entries:
        if entry.seq != expected:
            raise TamperedError(f"checkpoint {expected} of {saga_id!r} is gone from the store")
        expected += 1
        if entry.seq < key.since:
            continue
        if entry.mac != entry_code(key.key, saga_id, before, entry):
            raise TamperedError(
                f"checkpoint {entry.seq} of {saga_id!r} is not as it was written: it, or one "
                "before it, was altered, removed or put elsewhere"
            )
        before = entry.mac


def check_row(key: SagaKey, row: SagaRow, head: bytes | None) -> None:
    """Check a saga's row against its latest entry's code; raises TamperedError."""
    if row.mac is None:
        raise TamperedError(
            f"the row of {row.saga_id!r} has no code: it was removed, or a copy was broken off; "
            "then copy it again"
        )
    if row.mac != row_code(key.key, row, head):
        raise TamperedError(
            f"the latest checkpoint of {row.saga_id!r} is not the one that was written last"
        )
