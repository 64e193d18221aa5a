"""What was done to a saga from outside, as a chain that tells whether a link is missing.

A saga's trail is one document. Each event carries a code over itself and the code of the one
before, and the document one over the last. With the keys of an encrypted store at hand they are
keyed, so that nobody without these can make a trail that looks right. That one is gone as a
whole, the saga's row tells: see :mod:`~sagaz_core.storage.trail_anchor`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import ormsgpack

from sagaz_core.errors import CorruptEntryError, DecryptionError, StorageUnavailableError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow, SagaRow
from sagaz_core.storage.codec import pack_with_markers, unpack, valid_text
from sagaz_core.storage.times import from_micros, now_micros
from sagaz_core.storage.trail_anchor import anchor, check, key_id
from sagaz_core.storage.verification import Verification
from sagaz_core.storage.wrapped_key import WrappedKey

if TYPE_CHECKING:
    from sagaz_core.compliance.data_key import DataKey

AUDIT: Final = "audit"
"""The kind of the documents."""

_FORM: Final = 1
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One thing that was done to a saga."""

    saga_id: str
    number: int
    """1 for the saga's first."""
    event: str
    """What: ``replayed``, ``revealed``, ``deleted`` and the like."""
    at: datetime
    by: str
    """Who, in words for a person: user and host."""
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What is to be added to a trail."""

    event: str
    by: str
    details: Mapping[str, Any]
    """Nothing secret."""


class _Link(NamedTuple):
    content: bytes
    key_id: bytes
    """Which key its code is made with; empty: none."""
    code: bytes


def with_event(
    record: RecordRow | None, saga_id: str, key: DataKey | None, new: NewEvent
) -> RecordRow:
    """Return a saga's trail with an event more.

    Args:
        record: the trail as it is; None: there is none.
        saga_id: the saga.
        key: that of the store's trails; None: it has none, or it is not at hand.
        new: the event.

    Raises:
        CorruptEntryError: what is there is no trail.
    """
    links, _ = _read(record)
    now = max(now_micros(), record.at if record else 0)
    content, _ = pack_with_markers(
        [saga_id, len(links) + 1, new.event, now, valid_text(new.by), dict(new.details)]
    )
    code = _code(key, b"event", links[-1].code if links else b"", content)
    links.append(_Link(content, key_id(key), code))
    return RecordRow(
        kind=AUDIT,
        id=saga_id,
        version=record.version + 1 if record else 1,
        saga=saga_id,
        # Always that of the first event: a store keeps documents in the order of their times.
        at=record.at if record else now,
        body=_written(links, key),
    )


async def append_event(
    backend: Backend, saga_id: str, key: DataKey | None, new: NewEvent
) -> RecordRow:
    """Add an event to a saga's trail, and return the trail.

    Args:
        backend: where.
        saga_id: the saga.
        key: that of the store's trails; None: it has none, or it is not at hand.
        new: the event.

    Raises:
        StorageUnavailableError: others add to it all the time.
    """
    for _ in range(_ATTEMPTS):
        changed = with_event(await backend.get(AUDIT, saga_id), saga_id, key, new)
        if await backend.put(changed, expected_version=changed.version - 1):
            await anchor_trail(backend, changed, key)
            return changed
    raise StorageUnavailableError(
        f"the audit trail of {saga_id!r} is being written by somebody else; try again"
    )


async def anchor_trail(backend: Backend, trail: RecordRow, key: DataKey | None) -> None:
    """Have a saga's row tell that its trail, which was just stored, has come so far."""
    if key is not None:
        links, _ = _read(trail)
        await anchor(backend, trail.id, key, _codes(links))


async def read_events(backend: Backend, saga_id: str) -> list[AuditEvent]:
    """Return a saga's events, the first one first; raises CorruptEntryError."""
    links, _ = _read(await backend.get(AUDIT, saga_id))
    return [_event_in(link.content) for link in links]


async def verify_events(backend: Backend, row: SagaRow, key: DataKey | None) -> Verification:
    """Check each code of a saga's trail.

    A trail that was put back together with the saga's row, as both were at some earlier time, is
    as it was written.

    Args:
        backend: where.
        row: the saga's, read before.
        key: that of the store's trails; None: it has none, or it is not at hand.
    """
    saga_id = row.saga_id
    try:
        links, end = _read(await backend.get(AUDIT, saga_id))
        events = [_event_in(link.content) for link in links]
        told = WrappedKey.from_bytes(row.wrapped_key) if row.wrapped_key is not None else None
    except (CorruptEntryError, DecryptionError) as error:
        return Verification(status="tampered", reason=str(error))
    if told is not None and key is not None:
        codes = _codes(links)
        fit = check(told, key, saga_id, codes[told.events] if told.events < len(codes) else None)
        if fit == "another key":
            return Verification(status="unverified", reason="its key is not at hand")
        if fit == "gone":
            return Verification(
                status="tampered",
                reason=f"the audit trail of {saga_id!r} is not the one that was written: it, or "
                "the end of it, is gone, or what its row tells of it is",
            )
    if not links and key is None:
        return Verification(
            status="unverified", reason="there is none, and no key to tell whether there was one"
        )
    if not links:
        return Verification(status="verified", reason="nothing was done to it")
    before = b""
    for number, (link, event) in enumerate(zip(links, events, strict=True), start=1):
        if link.key_id not in (b"", key_id(key)):
            return Verification(status="unverified", reason="its key is not at hand")
        known = key if link.key_id else None
        as_written = link.code == _code(known, b"event", before, link.content)
        if not as_written or (event.saga_id, event.number) != (saga_id, number):
            return Verification(
                status="tampered",
                reason=f"event {number} of the audit trail of {saga_id!r} is not as it was "
                "written: it, or one before it, was altered, removed or put elsewhere",
            )
        before = link.code
    if end != _code(key if links[-1].key_id else None, b"end", before, b""):
        return Verification(
            status="tampered",
            reason=f"the last event of the audit trail of {saga_id!r} is not the last one that "
            "was written",
        )
    if not all(link.key_id for link in links):
        return Verification(
            status="unverified",
            reason="some of it was written without a key, as anybody could have done",
        )
    return Verification(status="verified", reason=f"all {len(links)} events are as written")


async def proven_events(backend: Backend, saga_id: str, key: DataKey | None) -> set[int]:
    """Return the numbers of a saga's events that carry a code by a key; raises CorruptEntryError.

    Args:
        backend: where.
        saga_id: the saga.
        key: that of the store's trails; None: it has none, or it is not at hand.
    """
    links, _ = _read(await backend.get(AUDIT, saga_id))
    if key is None:
        return set()
    return {
        number
        for number, (before, link) in enumerate(zip(_codes(links), links, strict=False), start=1)
        if link.code == _code(key, b"event", before, link.content)
    }


async def head_of_trail(backend: Backend, saga_id: str) -> tuple[int, bytes]:
    """Return how many events a trail has, and the code of the last; raises CorruptEntryError."""
    links, _ = _read(await backend.get(AUDIT, saga_id))
    return len(links), links[-1].code if links else b""


async def code_of_event(backend: Backend, saga_id: str, number: int) -> bytes | None:
    """Return the code of one of a saga's events; None: it has none of that number."""
    links, _ = _read(await backend.get(AUDIT, saga_id))
    return links[number - 1].code if 0 < number <= len(links) else None


def is_beginning(earlier: RecordRow, later: RecordRow) -> bool:
    """Whether a trail's document holds the first events of another, and no others."""
    first, _ = _read(earlier)
    whole, _ = _read(later)
    return whole[: len(first)] == first


def _codes(links: Sequence[_Link]) -> list[bytes]:
    """Return the code of each event by its number; empty for number 0."""
    return [b"", *(link.code for link in links)]


def _code(key: DataKey | None, use: bytes, before: bytes, content: bytes) -> bytes:
    whole = ormsgpack.packb([b"audit", use, before, content])
    return key.code(whole) if key is not None else hashlib.sha256(whole).digest()[:16]


def _written(links: Sequence[_Link], key: DataKey | None) -> bytes:
    end = _code(key, b"end", links[-1].code, b"")
    return bytes((_FORM,)) + ormsgpack.packb([[list(link) for link in links], end])


def _read(record: RecordRow | None) -> tuple[list[_Link], bytes]:
    if record is None:
        return [], b""
    try:
        if record.body[0] != _FORM:
            raise ValueError(f"it has the form {record.body[0]} of a newer sagaz")
        packed, end = ormsgpack.unpackb(record.body[1:])
        links = [_Link(*link) for link in packed]
        if any(type(part) is not bytes for link in (*links, (end,)) for part in link):
            raise TypeError("it holds something else")
        return links, end
    except (ValueError, TypeError, IndexError) as error:
        raise CorruptEntryError(
            f"the audit trail of {record.id!r} cannot be decoded: {error}"
        ) from error


def _event_in(content: bytes) -> AuditEvent:
    try:
        saga_id, number, event, at, by, details = unpack(content)
        kinds = [type(each) for each in (saga_id, number, event, by, details)]
        if kinds != [str, int, str, str, dict]:
            raise TypeError("it holds something else")
        return AuditEvent(
            saga_id=saga_id,
            number=number,
            event=event,
            at=from_micros(at),
            by=by,
            details=details,
        )
    except (ValueError, TypeError) as error:
        raise CorruptEntryError(f"an event of an audit trail cannot be decoded: {error}") from error
