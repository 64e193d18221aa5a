"""Rows as a Redis store keeps them: packed, and bodies compressed where that makes them smaller."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import ormsgpack
import zstandard

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.redis.keys import number_of, text_of
from sagaz_core.storage.backends.row_check import checked_entry, checked_saga
from sagaz_core.storage.backends.rows import EntryRow, RecordRow, SagaRow, TouchRow
from sagaz_core.storage.difference import compress_frame, decompress_frame
from sagaz_core.storage.times import now_micros

Tags = Sequence[tuple[str, str]]

_BEFORE_1970: Final = 1 << 62
"""What makes any moment a number that the stream takes, which has none below zero."""

_COMPRESSED: Final = b"z"
_PLAIN: Final = b"-"
_WORTH_COMPRESSING: Final = 200
_ROW_FIELDS: Final = SagaRow._fields.index("alive")
"""The fields after these are the family's."""


def pack_row(row: SagaRow) -> bytes:
    """Return a saga's row without what is its family's, and without its wrapped key."""
    return ormsgpack.packb([*row[:_ROW_FIELDS], *(() if row.mac is None else (row.mac,))])


def unpack_row(packed: bytes) -> SagaRow:
    """Return what :func:`pack_row` was given."""
    try:
        fields = ormsgpack.unpackb(packed)
        row = SagaRow(*fields[:_ROW_FIELDS])
        if len(fields) > _ROW_FIELDS:
            row = row._replace(mac=fields[-1])
    except (ValueError, TypeError) as error:
        raise CorruptEntryError(f"the row of a saga cannot be decoded: {error}") from error
    return checked_saga(row)


def pack_tags(tags: Tags) -> str:
    """Return a saga's tags as text, empty if there are none."""
    return json.dumps(tags) if tags else ""


def unpack_tags(packed: bytes | None) -> Tags:
    """Return what :func:`pack_tags` was given; None: no tags were stored."""
    return [(name, value) for name, value in json.loads(packed)] if packed else []


def pack_entry(entry: EntryRow, touches: Sequence[TouchRow]) -> bytes:
    """Return an entry without its body; its number and time are the stream's."""
    return ormsgpack.packb(
        [
            entry.keyframe,
            entry.kind,
            entry.step,
            entry.snapshot_id,
            entry.meta,
            [[touch.key, touch.step] for touch in touches],
            *(() if entry.mac is None else (entry.mac,)),
        ]
    )


def unpack_entry(stream_id: bytes, packed: bytes) -> tuple[EntryRow, list[TouchRow]]:
    """Return what :func:`pack_entry` was given, under the id that the stream gave it."""
    try:
        keyframe, kind, step, snapshot_id, meta, touches, *mac = ormsgpack.unpackb(packed)
        seq, at = seq_and_at(stream_id)
        entry = EntryRow(seq, keyframe, at, kind, step, snapshot_id, meta, None, False, *mac)
        touched = [TouchRow(key, seq, by) for key, by in touches]
    except (ValueError, TypeError) as error:
        raise CorruptEntryError(f"a checkpoint's row cannot be decoded: {error}") from error
    return checked_entry(entry), touched


def stream_id(entry: EntryRow) -> str:
    """Return the id under which the stream keeps an entry: in order, and found by number."""
    return f"{entry.seq}-{entry.at + _BEFORE_1970}"


def seq_and_at(stream_id: bytes) -> tuple[int, int]:
    """Return an entry's number and its time in microseconds."""
    seq, _, at = stream_id.partition(b"-")
    return int(seq), int(at) - _BEFORE_1970


class BodyPacker:
    """Packs bodies at a compression level; reads those of any level, and of none.

    Args:
        level: zstandard's, 1 to 22; None: bodies are stored as they are.
    """

    def __init__(self, level: int | None) -> None:
        self._compressor = None if level is None else zstandard.ZstdCompressor(level)

    def pack(self, body: bytes) -> bytes:
        """Return the stored form of a body."""
        if self._compressor is not None and len(body) >= _WORTH_COMPRESSING:
            compressed = compress_frame(self._compressor, body)
            if len(compressed) < len(body):
                return _COMPRESSED + compressed
        return _PLAIN + body


def unpack_body(stored: bytes) -> bytes:
    """Return the body of a stored form; raises CorruptEntryError."""
    if stored[:1] == _PLAIN:
        return stored[1:]
    try:
        return decompress_frame(stored[1:])
    except ValueError as error:
        raise CorruptEntryError(f"a stored body cannot be read: {error}") from error


def pack_touch(touch: TouchRow) -> str:
    """Return a touch so that those of one key stand together, in order of their numbers."""
    return touch_bound(touch.key, touch.seq) + ("" if touch.step is None else f"={touch.step}")


def touch_bound(key: str, seq: int) -> str:
    """Return what the touches of a key from a number on come after."""
    return f"{len(key):08x}{key}{seq:016x}"


def unpack_touch(key: str, member: bytes) -> TouchRow:
    """Return what :func:`pack_touch` was given."""
    rest = text_of(member)[8 + len(key) :]
    try:
        return TouchRow(key, int(rest[:16], 16), rest[17:] if rest[16:] else None)
    except ValueError as error:
        raise CorruptEntryError(f"what changed {key!r} cannot be decoded: {error}") from error


def pack_record(record: RecordRow) -> bytes:
    """Return a document without its version."""
    return ormsgpack.packb(
        [record.kind, record.id, record.saga, record.at, record.expires, record.body]
    )


def unpack_record(version: bytes, packed: bytes) -> RecordRow:
    """Return what :func:`pack_record` was given, in a version."""
    try:
        kind, id, saga, at, expires, body = ormsgpack.unpackb(packed)
    except (ValueError, TypeError) as error:
        raise CorruptEntryError(f"a document cannot be decoded: {error}") from error
    return RecordRow(
        kind=kind, id=id, version=number_of(version), saga=saga, at=at, expires=expires, body=body
    )


def milliseconds(micros: int | None) -> Any:
    """Return a moment as the server's commands take it, rounded up; empty: none."""
    return "" if micros is None else -(-micros // 1000)


def pointer_expiry(row: SagaRow) -> tuple[Any, ...]:
    """Return the options by which a pointer to a saga expires; none: it stays.

    A pointer is not touched again while its saga goes on, and by that time the saga may stay
    longer. So it is kept for twice as long; without its saga it is skipped.
    """
    if row.expires is None:
        return ()
    now = now_micros()
    return ("PXAT", milliseconds(now + 2 * max(row.expires - now, 0)))
