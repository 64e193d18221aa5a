"""What one keeps of a store elsewhere, to find out later that it was put back to an older state.

A store that is restored whole is as it was written, so that no code in it tells. Its heads do: of
each saga how many checkpoints and events it had, and a hash over all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import ormsgpack

from sagaz_core.errors import UsageError
from sagaz_core.storage.audit_trail import AuditEvent, code_of_event, head_of_trail
from sagaz_core.storage.backends.rows import SagaQuery, SagaRow
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.times import now_micros
from sagaz_core.storage.verification import Verification
from sagaz_core.storage.walking import every_saga

_PAGE: Final = 200
_EVENTS_THAT_REWRITE: Final = frozenset({"encrypted anew"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far one saga had come."""

    saga_id: str
    root_id: str
    checkpoints: int
    code: str
    """A hash over all of them and what they are found by, hexadecimal."""
    events: int
    """Of its audit trail."""
    events_code: str
    expires: int | None
    """When it may be gone, in microseconds since 1970; None: never."""


async def list_heads(storage: StoreReader, saga_id: str | None = None) -> AsyncIterator[Head]:
    """Yield the heads of a saga's family, or of all sagas. Raises SagaNotFoundError."""
    async for row in every_saga(storage.backend, await query_for(storage, saga_id)):
        events, events_code = await head_of_trail(storage.backend, row.saga_id)
        yield Head(
            saga_id=row.saga_id,
            root_id=row.root,
            checkpoints=row.head,
            code=await _code(storage, row.saga_id, row.head),
            events=events,
            events_code=events_code.hex(),
            expires=row.expires,
        )


def head_line(head: Head) -> str:
    """Return a head as a line of JSON."""
    return json.dumps(asdict(head))


def read_heads(lines: Iterable[str]) -> dict[str, Head]:
    """Return the heads that :func:`head_line` was given, by saga; raises UsageError."""
    heads = {}
    for number, line in enumerate(lines, start=1):
        try:
            head = Head(**json.loads(line))
            kinds = [type(each) for each in (head.saga_id, head.checkpoints, head.events)]
            if kinds != [str, int, int] or type(head.expires) not in (int, type(None)):
                raise TypeError
        except (ValueError, TypeError, RecursionError) as error:
            raise UsageError(
                f"line {number} is not a head as `sagaz audit verify --head` writes it"
            ) from error
        heads[head.saga_id] = head
    return heads


async def compare_head(
    storage: StoreReader, row: SagaRow, head: Head, events: list[AuditEvent]
) -> list[str]:
    """Return what of a saga is not a later state of what its head tells; a sentence each."""
    findings = []
    if row.head < head.checkpoints:
        findings.append(
            f"it had {head.checkpoints} checkpoints and has {row.head}: it was put back"
        )
    elif await _code(storage, row.saga_id, head.checkpoints) != head.code:
        findings += await _written_anew(storage, row, head, events)
    if len(events) < head.events:
        findings.append(
            f"its audit trail had {head.events} events and has {len(events)}: it was put back"
        )
    elif head.events:
        code = await code_of_event(storage.backend, row.saga_id, head.events)
        if code is None or code.hex() != head.events_code:
            findings.append(f"the first {head.events} events of its trail are not those it had")
    return findings


async def _written_anew(
    storage: StoreReader, row: SagaRow, head: Head, events: list[AuditEvent]
) -> list[str]:
    """Say that a saga's checkpoints are others, unless it is proven that they may be."""
    told = {
        event.number
        for event in events
        if event.event in _EVENTS_THAT_REWRITE and event.number > head.events
    }
    if told & await storage.list_proven_events(row.saga_id):
        return []
    unproven = "; its audit trail tells that they were encrypted anew, which is not proven"
    return [
        f"its first {head.checkpoints} checkpoints, or what they are found by, are not those "
        f"that it had{unproven if told else ''}"
    ]


async def missing_sagas(
    storage: StoreReader, heads: Mapping[str, Head]
) -> AsyncIterator[tuple[Head, Verification]]:
    """Yield those that were in the store and are not, and what can be said of that.

    Left out are those that have expired, and those that were forgotten, as far as that is
    verified: a tombstone that carries no code could be anybody's.
    """
    now = now_micros()
    for head in heads.values():
        if head.expires is not None and head.expires <= now:
            continue
        if await storage.get_saga(head.saga_id) is not None:
            continue
        stone = await storage.find_tombstone(head.root_id)
        if stone is None:
            reason = "it was in the store and is gone, neither expired nor forgotten"
            yield head, Verification(status="tampered", reason=reason)
            continue
        found = await storage.verify_tombstone(stone)
        if found.status != "verified":
            told = f"it was forgotten on {stone.at:%Y-%m-%d} by {stone.by}, says its tombstone"
            yield head, replace(found, reason=f"{told}, which is {found.reason}")


async def query_for(storage: StoreReader, saga_id: str | None) -> SagaQuery:
    """Return the query for a saga's family, or for all; raises SagaNotFoundError."""
    await storage.open()
    if saga_id is None:
        return SagaQuery()
    saga = await storage.get_existing_saga(saga_id)
    return SagaQuery(root=saga.root_id)


async def _code(storage: StoreReader, saga_id: str, until: int) -> str:
    """Return a hash over a saga's checkpoints, hidden or not, and what they are found by."""
    backend = storage.backend
    code = hashlib.sha256(saga_id.encode())
    code.update(ormsgpack.packb(sorted(map(list, await backend.tags(saga_id)))))
    for start in range(1, until + 1, _PAGE):
        last = min(start + _PAGE - 1, until)
        touches = await backend.touches(saga_id, key=None, lo=start, hi=last)
        code.update(ormsgpack.packb(sorted([each.seq, each.key, each.step] for each in touches)))
        for entry in await backend.entries(saga_id, start, last, hidden=True):
            code.update(
                ormsgpack.packb(
                    [
                        *(entry.seq, entry.keyframe, entry.at, entry.kind, entry.step),
                        *(entry.snapshot_id, entry.meta, entry.body),
                    ]
                )
            )
    return code.hexdigest()
