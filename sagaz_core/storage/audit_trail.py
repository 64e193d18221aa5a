"""What was done to a saga from outside, as a chain that tells whether a link is missing.

A saga's trail is one document. Each event carries a code over itself and the code of the one
before, and the document one over the last. With the saga's key at hand they are keyed, so that
nobody without it can make a trail that looks right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import ormsgpack

from sagaz_core.errors import CorruptEntryError, StorageUnavailableError
from sagaz_core.storage.backends.base import Backend, RecordRow, SagaRow
from sagaz_core.storage.codec import pack_with_markers, unpack, valid_text
from sagaz_core.storage.protection import SagaKey
from sagaz_core.storage.times import from_micros, now_micros
from sagaz_core.storage.verification import Verification

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


class _Link(NamedTuple):
    content: bytes
    keyed: bool
    code: bytes


async def append_event(
    backend: Backend,
    row: SagaRow,
    key: SagaKey | None,
    *,
    event: str,
    by: str,
    details: Mapping[str, Any],
) -> None:
    """Add an event to a saga's trail.

    Args:
        backend: where.
        row: the saga's.
        key: the saga's; None: it has none, or it is not at hand.
        event: what was done.
        by: who did it.
        details: what else is known of it; nothing secret.

    Raises:
        StorageUnavailableError: others add to it all the time.
    """
    for _ in range(_ATTEMPTS):
        record = await backend.get(AUDIT, row.saga_id)
        links, _ = _read(record)
        now = max(now_micros(), record.at if record else 0)
        content, _ = pack_with_markers(
            [row.saga_id, len(links) + 1, event, now, valid_text(by), dict(details)]
        )
        before = links[-1].code if links else b""
        code = _code(key, b"event", before, content)
        links.append(_Link(content, key is not None, code))
        version = record.version if record else 0
        changed = RecordRow(
            kind=AUDIT,
            id=row.saga_id,
            version=version + 1,
            saga=row.saga_id,
            at=now,
            body=_written(links, key),
        )
        if await backend.put(changed, expected_version=version):
            return
    raise StorageUnavailableError(
        f"the audit trail of {row.saga_id!r} is being written by somebody else; try again"
    )


async def read_events(backend: Backend, saga_id: str) -> list[AuditEvent]:
    """Return a saga's events, the first one first; raises CorruptEntryError."""
    links, _ = _read(await backend.get(AUDIT, saga_id))
    return [_event_in(link.content) for link in links]


async def verify_events(backend: Backend, saga_id: str, key: SagaKey | None) -> Verification:
    """Check each code of a saga's trail.

    A trail that was put back whole, as it was at some earlier time, is as it was written.
    """
    try:
        links, end = _read(await backend.get(AUDIT, saga_id))
        events = [_event_in(link.content) for link in links]
    except CorruptEntryError as error:
        return Verification(status="tampered", reason=str(error))
    if not links:
        return Verification(status="verified", reason="nothing was done to it")
    before = b""
    for number, (link, event) in enumerate(zip(links, events, strict=True), start=1):
        known = key if link.keyed else None
        if link.keyed and key is None:
            return Verification(status="unverified", reason="its key is not at hand")
        as_written = link.code == _code(known, b"event", before, link.content)
        if not as_written or (event.saga_id, event.number) != (saga_id, number):
            return Verification(
                status="tampered",
                reason=f"event {number} of the audit trail of {saga_id!r} is not as it was "
                "written: it, or one before it, was altered, removed or put elsewhere",
            )
        before = link.code
    if end != _code(key if links[-1].keyed else None, b"end", before, b""):
        return Verification(
            status="tampered",
            reason=f"the last event of the audit trail of {saga_id!r} is not the last one that "
            "was written",
        )
    if not all(link.keyed for link in links):
        return Verification(
            status="unverified",
            reason="it has no key, so that anybody could have written its codes",
        )
    return Verification(status="verified", reason=f"all {len(links)} events are as written")


def _code(key: SagaKey | None, use: bytes, before: bytes, content: bytes) -> bytes:
    whole = ormsgpack.packb([b"audit", use, before, content])
    return key.key.code(whole) if key is not None else hashlib.sha256(whole).digest()[:16]


def _written(links: Sequence[_Link], key: SagaKey | None) -> bytes:
    end = _code(key, b"end", links[-1].code, b"")
    return bytes((_FORM,)) + ormsgpack.packb([[list(link) for link in links], end])


def _read(record: RecordRow | None) -> tuple[list[_Link], bytes]:
    if record is None:
        return [], b""
    try:
        if record.body[0] != _FORM:
            raise ValueError(f"it has the form {record.body[0]} of a newer sagaz")
        links, end = ormsgpack.unpackb(record.body[1:])
        return [_Link(*link) for link in links], end
    except (ValueError, TypeError, IndexError) as error:
        raise CorruptEntryError(
            f"the audit trail of {record.id!r} cannot be decoded: {error}"
        ) from error


def _event_in(content: bytes) -> AuditEvent:
    try:
        saga_id, number, event, at, by, details = unpack(content)
        return AuditEvent(
            saga_id=saga_id,
            number=number,
            event=event,
            at=from_micros(at),
            by=by,
            details=details,
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise CorruptEntryError(f"an event of an audit trail cannot be decoded: {error}") from error
