"""Whether what a store tells of its sagas is what was written: histories, trails, and the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sagaz_core.errors import CorruptEntryError
from sagaz_core.history.heads import Head, compare_head, query_for
from sagaz_core.storage.audit_trail import AuditEvent
from sagaz_core.storage.backends.rows import EntryRow, SagaRow
from sagaz_core.storage.meta import unpack_meta
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.replay_log import REPLAY_LOG
from sagaz_core.storage.replay_logging import digest_of_line
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.verification import Verification
from sagaz_core.storage.walking import every_saga

_PAGE: Final = 200
_AT_ONCE: Final = 8
"""Sagas that are checked at the same time; each may have a page of large checkpoints in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What can be said of one saga."""

    saga_id: str
    root_id: str
    history: Verification
    """Of its checkpoints."""
    trail: Verification
    """Of its audit trail."""
    findings: tuple[str, ...]
    """What does not fit together; a sentence each. Something was altered or removed."""

    @property
    def status(self) -> Literal["verified", "unverified", "tampered"]:
        """The worst of it."""
        found = {self.history.status, self.trail.status}
        if self.findings or "tampered" in found:
            return "tampered"
        return "unverified" if "unverified" in found else "verified"


async def verify(
    storage: StoreReader, saga_id: str | None = None, *, heads: Mapping[str, Head] | None = None
) -> AsyncIterator[Evidence]:
    """Check sagas, their audit trails, and that one tells nothing that the other does not.

    Args:
        storage: the store; sagas may be written to meanwhile.
        saga_id: only the family of this one; None: all of the store.
        heads: what was kept elsewhere of sagas at an earlier time. With it a store is found out
            that was put back whole to how it was before.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    async for some in _by_few(every_saga(storage.backend, await query_for(storage, saga_id))):
        # What several ask of a store at the same time goes there in one trip.
        looks = [_evidence_of(storage, row, (heads or {}).get(row.saga_id)) for row in some]
        for evidence in await asyncio.gather(*looks):
            if evidence is not None:
                yield evidence


async def _by_few(rows: AsyncIterator[SagaRow]) -> AsyncIterator[list[SagaRow]]:
    some: list[SagaRow] = []
    async for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    yield some


async def _evidence_of(storage: StoreReader, listed: SagaRow, head: Head | None) -> Evidence | None:
    # A running saga is as it is now, not as it was listed.
    row = await storage.backend.saga(listed.saga_id)
    if row is None:
        return None
    findings = await _findings(storage, row, head)
    if findings:
        # What was written between two looks seems not to fit, and does at the next.
        again = await _findings(storage, row, head)
        findings = [finding for finding in findings if finding in again]
    return Evidence(
        saga_id=row.saga_id,
        root_id=row.root,
        history=await storage.verify_saga(row.saga_id),
        trail=await storage.verify_audit_events(row.saga_id),
        findings=tuple(findings),
    )


async def _findings(storage: StoreReader, row: SagaRow, head: Head | None) -> list[str]:
    try:
        events = await storage.list_audit_events(row.saga_id)
    except CorruptEntryError:
        # That is said of the trail itself.
        return []
    return [
        *await _checkpoints_otherwise(storage, row, events),
        *await _lines_without_event(storage, row, events),
        *await _replay_without_event(storage, row),
        *await _hold_otherwise(storage, row, events),
        *(await compare_head(storage, row, head, events) if head is not None else ()),
    ]


async def _checkpoints_otherwise(
    storage: StoreReader, row: SagaRow, events: list[AuditEvent]
) -> list[str]:
    """Hold which checkpoints are hidden against the trail, and when it expires against them."""
    told = {event.details.get("snapshot") for event in events if event.event == "deleted"}
    findings = []
    until: set[datetime | None] = set()
    async for entry in _entries(storage, row):
        try:
            until.add(unpack_meta(entry.meta).retention_until)
        except CorruptEntryError as error:
            findings.append(f"checkpoint {entry.seq}: {error}")
            until.add(None)
        if entry.hidden and entry.snapshot_id not in told:
            findings.append(
                f"checkpoint {entry.seq} is hidden, and the audit trail does not tell who did that"
            )
        elif not entry.hidden and entry.snapshot_id in told:
            findings.append(
                f"checkpoint {entry.seq} was deleted, as the audit trail tells, and is there: it "
                "was brought back, or deleting it was broken off; then delete it again"
            )
    # One that asks for no end is kept for as long as the store keeps anything.
    latest = None if None in until else max(filter(None, until), default=None)
    if latest is not None and row.expires != to_micros(latest):
        findings.append(f"it does not expire at {latest.isoformat()}, as its checkpoints ask for")
    return findings


async def _lines_without_event(
    storage: StoreReader, row: SagaRow, events: list[AuditEvent]
) -> list[str]:
    """Hold the replay log's lines of a saga against what its trail says that they were."""
    findings = []
    told = _lines_told(events)
    for record in await storage.backend.scan(REPLAY_LOG, saga=row.saga_id):
        if record.id not in told:
            findings.append(f"its audit trail does not tell of the replay {record.id!r}")
        elif digest_of_line(record.body) not in told[record.id]:
            findings.append(f"the log of the replay {record.id!r} is not as it was written")
    return findings


async def _replay_without_event(storage: StoreReader, row: SagaRow) -> list[str]:
    """See that of a replay's beginning its original and the log both tell."""
    if row.parent is None or await storage.backend.saga(row.parent) is None:
        return []
    try:
        events = await storage.list_audit_events(row.parent)
    except CorruptEntryError:
        return []
    told = row.saga_id in _lines_told(events)
    if not told:
        return [f"it is a replay, of which the audit trail of {row.parent!r} does not tell"]
    if await storage.backend.get(REPLAY_LOG, row.saga_id) is None:
        return ["it is a replay, and its line of the log is gone"]
    return []


async def _hold_otherwise(
    storage: StoreReader, row: SagaRow, events: list[AuditEvent]
) -> list[str]:
    told = [event for event in events if event.event in ("held", "released")]
    if not told or told[-1].event != "held":
        return []
    hold = await storage.find_hold(row.saga_id)
    if hold is None:
        return ["it was held, and nobody released it, but it is held no longer"]
    if (hold.by, hold.reason) != (told[-1].by, told[-1].details.get("reason")):
        return [
            "the hold on it names somebody else, or another reason, than its audit trail: it was "
            "altered, or holding it anew was broken off; then hold it again"
        ]
    return []


def _lines_told(events: list[AuditEvent]) -> dict[str, set[str]]:
    """Return the digests of a replay's lines, by its id, that a trail tells of."""
    told: dict[str, set[str]] = {}
    for event in events:
        replay = event.details.get("replay")
        if isinstance(replay, str):
            told.setdefault(replay, set()).add(str(event.details.get("log")))
    return told


async def _entries(storage: StoreReader, row: SagaRow) -> AsyncIterator[EntryRow]:
    for start in range(1, row.head + 1, _PAGE):
        page = await storage.backend.entries(
            row.saga_id, start, min(start + _PAGE - 1, row.head), bodies=False, hidden=True
        )
        if not page:
            return
        for entry in page:
            yield entry
