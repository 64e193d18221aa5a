"""Authentication codes of a saga's checkpoints, chained, with the head's in the saga's row.

A checkpoint's code has two parts: one over itself and the code of the one before, which whoever
reads it checks, and one over what the store finds it by, which is checked where all of a saga is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import ormsgpack

from sagaz_core.compliance.data_key import CODE_BYTES, DataKey
from sagaz_core.errors import TamperedError
from sagaz_core.storage.backends.rows import EntryRow, SagaRow, TouchRow
from sagaz_core.storage.saga_key import SagaKey

Tags = Sequence[tuple[str, str]]

_INDEX_BYTES: Final = 8


class Index(NamedTuple):
    """What a checkpoint is found by."""

    touches: Sequence[TouchRow] = ()
    tags: Tags = ()
    """Those of its saga, if it is the first."""


def index_of(touches: Iterable[TouchRow], tags: Tags) -> dict[int, Index]:
    """Return what a saga's checkpoints are found by, where there is something."""
    found: dict[int, list[TouchRow]] = {1: []}
    for touch in touches:
        found.setdefault(touch.seq, []).append(touch)
    return {seq: Index(each, tags if seq == 1 else ()) for seq, each in found.items()}


def signed_entry(
    key: DataKey, saga_id: str, before: bytes | None, entry: EntryRow, index: Index
) -> EntryRow:
    """Return an entry with its code, given that of the one before and what it is found by."""
    found_by = _index_code(key, saga_id, entry.seq, index)
    return entry._replace(mac=_entry_code(key, saga_id, before, entry, found_by) + found_by)


def signed_row(key: DataKey, row: SagaRow, head: bytes | None) -> SagaRow:
    """Return a saga's row with its code, given that of its latest entry."""
    return row._replace(mac=_row_code(key, row, head))


def _entry_code(
    key: DataKey, saga_id: str, before: bytes | None, entry: EntryRow, found_by: bytes
) -> bytes:
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
                found_by,
            ]
        )
    )


def _index_code(key: DataKey, saga_id: str, seq: int, index: Index) -> bytes:
    touches = [[touch.key, touch.step] for touch in sorted(index.touches)]
    tags = sorted(map(list, index.tags))
    return key.code(ormsgpack.packb(["index", saga_id, seq, touches, tags]))[:_INDEX_BYTES]


def _row_code(key: DataKey, row: SagaRow, head: bytes | None) -> bytes:
    # When it expires follows from its checkpoints, and a store may limit that.
    return key.code(
        ormsgpack.packb(
            [
                "row",
                row.saga_id,
                row.root,
                row.parent,
                row.parent_seq,
                row.name,
                row.code,
                row.head,
                row.keyframe,
                row.status,
                row.compensation,
                row.step,
                row.error,
                row.error_group,
                row.started,
                row.updated,
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
        code, found_by = _parts(entry)
        if code != _entry_code(key.key, saga_id, before, entry, found_by):
            raise TamperedError(
                f"checkpoint {entry.seq} of {saga_id!r} is not as it was written: it, or one "
                "before it, was altered, removed or put elsewhere"
            )
        before = entry.mac


def check_index(
    key: SagaKey, saga_id: str, entries: Sequence[EntryRow], touches: Iterable[TouchRow], tags: Tags
) -> None:
    """Check what entries, whose own codes are right, are found by.

    Args:
        key: the saga's.
        saga_id: the saga.
        entries: those from before the saga had a key are passed over.
        touches: of these entries.
        tags: the saga's.

    Raises:
        TamperedError: it is not as it was written.
    """
    found = index_of(touches, tags)
    for entry in entries:
        if entry.seq < key.since:
            continue
        index = found.get(entry.seq, Index())
        if _parts(entry)[1] != _index_code(key.key, saga_id, entry.seq, index):
            tagged = ", or the saga's tags," if entry.seq == 1 else ""
            raise TamperedError(
                f"what the store tells of the keys that checkpoint {entry.seq} of {saga_id!r} "
                f"changed, and by which steps{tagged} is not as it was written"
            )


def _parts(entry: EntryRow) -> tuple[bytes, bytes]:
    code = entry.mac or b""
    return code[:CODE_BYTES], code[CODE_BYTES:]


def check_row(key: SagaKey, row: SagaRow, head: bytes | None) -> None:
    """Check a saga's row against its latest entry's code; raises TamperedError."""
    if row.mac is None:
        raise TamperedError(
            f"the row of {row.saga_id!r} has no code: it was removed, or a copy was broken off; "
            "then copy it again"
        )
    if row.mac != _row_code(key.key, row, head):
        raise TamperedError(
            f"the latest checkpoint of {row.saga_id!r} is not the one that was written last"
        )
