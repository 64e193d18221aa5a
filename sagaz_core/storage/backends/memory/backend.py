"""Keeps everything in this process; gone with it, yet true to the whole contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.changes import OwnChanges
from sagaz_core.storage.backends.matching import is_same_saga, matches, status_of
from sagaz_core.storage.backends.memory.families import MemoryFamilies
from sagaz_core.storage.backends.memory.records import MemoryRecords
from sagaz_core.storage.backends.rows import (
    Append,
    EntryRow,
    FamilyRow,
    Finding,
    Outcome,
    RecordRow,
    SagaPage,
    SagaQuery,
    SagaRow,
    StoreInfo,
    TouchRow,
)
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import now_micros

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.manager import ComplianceManager


@dataclass(slots=True)
class _Saga:
    row: SagaRow
    entries: list[EntryRow] = field(default_factory=list)
    touches: list[TouchRow] = field(default_factory=list)
    tags: set[tuple[str, str]] = field(default_factory=set)


class MemoryBackend(Backend):
    """A backend whose rows live in dictionaries.

    Every method does its work without waiting, so that it is atomic among tasks.
    """

    name = "memory"

    def __init__(self) -> None:
        self._sagas: dict[str, _Saga] = {}
        self._families = MemoryFamilies()
        self._snapshots: dict[str, tuple[str, int]] = {}
        self._records = MemoryRecords()
        self._changes = OwnChanges()

    async def open(self, *, read_only: bool) -> None:
        """There is nothing to open."""

    async def close(self) -> None:
        """Keep everything: a memory store may be opened again."""

    # -- writing

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        self._changes.tell()
        return [self._append(append) for append in appends]

    def _append(self, append: Append) -> Outcome:
        row = append.saga
        saga = self._sagas.get(row.saga_id)
        head = saga.row.head if saga else 0
        if append.entry is not None and append.entry.snapshot_id in self._snapshots:
            return Outcome("duplicate", self._snapshots[append.entry.snapshot_id][1])
        if head != append.expected_head:
            return Outcome("conflict", head)
        if append.fence is not None and not self._families.extend(append, append.fence):
            return Outcome("fenced", head)
        if saga is None:
            saga = self._sagas[row.saga_id] = _Saga(row)
        key = saga.row.wrapped_key or row.wrapped_key
        saga.row = row if row.wrapped_key == key else row._replace(wrapped_key=key)
        if append.entry is not None:
            saga.entries.append(append.entry)
            self._snapshots[append.entry.snapshot_id] = (row.saga_id, append.entry.seq)
        saga.touches.extend(append.touches)
        saga.tags.update(append.tags)
        return Outcome("stored", row.head)

    async def rewrap(self, saga_id: str, wrapped_key: bytes, *, expected: bytes) -> bool:
        saga = self._sagas.get(saga_id)
        if saga is None or saga.row.wrapped_key not in (expected, wrapped_key):
            return False
        self._changes.tell()
        saga.row = saga.row._replace(wrapped_key=wrapped_key)
        return True

    async def replace(
        self, saga: SagaRow, entries: Sequence[EntryRow], *, expected_head: int
    ) -> bool:
        there = self._sagas.get(saga.saga_id)
        stored = self._families.of(there.row) if there else None
        if (
            there is None
            or stored is None
            or stored.alive
            or stored.head != expected_head
            or not is_same_saga(stored, saga)
        ):
            return False
        self._changes.tell()
        there.entries = [
            old._replace(keyframe=new.keyframe, meta=new.meta, body=new.body, mac=new.mac)
            for old, new in zip(there.entries, entries, strict=True)
        ]
        there.row = there.row._replace(
            keyframe=saga.keyframe, wrapped_key=saga.wrapped_key, mac=saga.mac
        )
        return True

    async def hide(self, snapshot_id: str) -> bool:
        self._changes.tell()
        place = self._snapshots.get(snapshot_id)
        if place is None:
            return False
        entries, index = self._sagas[place[0]].entries, place[1] - 1
        if entries[index].hidden:
            return False
        entries[index] = entries[index]._replace(hidden=True)
        return True

    async def delete(self, saga_ids: Sequence[str], *, scrub: bool = False) -> int:
        self._changes.tell()
        return sum(self._delete(saga_id, scrub) for saga_id in saga_ids)

    async def scrubbed(self) -> bool:
        return True

    def _delete(self, saga_id: str, scrub: bool) -> int:
        saga = self._sagas.pop(saga_id, None)
        if saga is None:
            return 0
        for entry in saga.entries:
            del self._snapshots[entry.snapshot_id]
        self._records.forget_saga(saga_id, now_micros(), scrub=scrub)
        root = saga.row.root
        if not any(other.row.root == root for other in self._sagas.values()):
            self._families.forget(root)
        return len(saga.entries)

    async def clean(self, now: int, *, dry_run: bool = False) -> int:
        alive = {id for id, saga in self._sagas.items() if self._families.of(saga.row).alive}
        records = [
            each
            for each in self._records.expired(now)
            if each.saga is None or alive.isdisjoint((each.saga, each.id))
        ]
        # A batch has a lease of its own, and no saga.
        roots = {saga.row.root for saga in self._sagas.values()} | self._records.ids("batch")
        families = self._families.without(roots)
        if not dry_run and (records or families):
            self._changes.tell()
            for record in records:
                self._records.forget(record)
            for root in families:
                self._families.forget(root)
        return len(records) + len(families)

    # -- reading

    async def saga(self, saga_id: str) -> SagaRow | None:
        saga = self._sagas.get(saga_id)
        return self._families.of(saga.row) if saga else None

    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        rows = sorted(self._matching(query), key=lambda row: (row.updated, row.saga_id))
        rows.reverse()
        if cursor is not None:
            updated, _, saga_id = cursor.partition(":")
            place = (int(updated), saga_id)
            rows = [row for row in rows if (row.updated, row.saga_id) < place]
        more = len(rows) > limit
        rows = rows[:limit]
        return SagaPage(rows, f"{rows[-1].updated}:{rows[-1].saga_id}" if rows and more else None)

    def _matching(self, query: SagaQuery) -> Iterable[SagaRow]:
        for saga in self._sagas.values():
            row = self._families.of(saga.row)
            if matches(row, saga.tags, query):
                yield row

    async def tally(
        self, query: SagaQuery, by: Literal["status", "error_group", "name"]
    ) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for row in self._matching(query):
            value = status_of(row) if by == "status" else getattr(row, by)
            if value:
                counts[value] += 1
        return dict(counts)

    async def ended(
        self, status: Literal["completed", "failed"], since: int, width: int, count: int
    ) -> list[int]:
        counts = [0] * count
        for saga in self._sagas.values():
            number = (saga.row.updated - since) // width
            if saga.row.status == status and 0 <= number < count:
                counts[number] += 1
        return counts

    async def expired(self, now: int) -> list[str]:
        held = self._families.held()
        return [
            row.saga_id
            for row in (saga.row for saga in self._sagas.values())
            if row.expires is not None and row.expires <= now and row.root not in held
        ]

    async def entries(
        self,
        saga_id: str,
        lo: int,
        hi: int,
        *,
        reverse: bool = False,
        limit: int | None = None,
        bodies: bool = True,
        hidden: bool = False,
    ) -> list[EntryRow]:
        saga = self._sagas.get(saga_id)
        if saga is None:
            return []
        entries = saga.entries[max(lo, 1) - 1 : max(hi, 0)]
        if reverse:
            entries.reverse()
        shown = (entry for entry in entries if hidden or not entry.hidden)
        return [entry if bodies else entry._replace(body=None) for entry in islice(shown, limit)]

    async def locate(
        self,
        saga_id: str | None,
        *,
        at: int | None = None,
        snapshot_id: str | None = None,
    ) -> tuple[str, int] | None:
        if snapshot_id is not None:
            place = self._snapshots.get(snapshot_id)
            if place is None or self._sagas[place[0]].entries[place[1] - 1].hidden:
                return None
            return place if saga_id in (None, place[0]) else None
        saga = self._sagas.get(saga_id or "")
        if saga is None or saga_id is None or at is None:
            return None
        for entry in reversed(saga.entries):
            if entry.at <= at and not entry.hidden:
                return saga_id, entry.seq
        return None

    async def touches(
        self, saga_id: str, *, key: str | None, lo: int, hi: int, limit: int | None = None
    ) -> list[TouchRow]:
        saga = self._sagas.get(saga_id)
        if saga is None:
            return []
        found = [
            touch
            for touch in saga.touches
            if lo <= touch.seq <= hi and (key is None or touch.key == key)
        ]
        found.sort(key=lambda touch: (-touch.seq, touch.key))
        return found if limit is None else found[:limit]

    async def tags(self, saga_id: str) -> tuple[tuple[str, str], ...]:
        saga = self._sagas.get(saga_id)
        return tuple(sorted(saga.tags)) if saga else ()

    # -- the family's lease

    async def family(self, root: str) -> FamilyRow | None:
        return self._families.get(root)

    async def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        taken, family = self._families.acquire(
            root, owner=owner, holder=holder, term=term, expect_fence=expect_fence
        )
        if taken:
            self._changes.tell()
        return taken, family

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        return self._families.beat(root, fence, term)

    async def release(
        self, root: str, *, fence: int, recovered_by: str | None = None, undone: bool = False
    ) -> bool:
        self._changes.tell()
        return self._families.release(root, fence, recovered_by, undone)

    # -- documents

    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        stored = self._records.put(record, expected_version)
        if stored:
            self._changes.tell()
        return stored

    async def get(self, kind: str, id: str) -> RecordRow | None:
        return self._records.get(kind, id)

    async def scan(
        self,
        kind: str,
        *,
        saga: str | None = None,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[RecordRow]:
        return self._records.scan(kind, saga, before, limit)

    # -- watching

    async def wait(self, cursor: int | None, timeout: float) -> int:
        if cursor is not None:
            await self._changes.wait(cursor, timeout)
        return self._changes.count

    async def info(self) -> StoreInfo:
        entries = [entry for saga in self._sagas.values() for entry in saga.entries]
        return StoreInfo(
            description="memory",
            sagas=len(self._sagas),
            entries=len(entries),
            bytes=sum(len(entry.meta) + len(entry.body or b"") for entry in entries),
            schema=0,
        )

    async def check(self) -> list[Finding]:
        return [Finding("ok", "it is in the memory of this process, and gone when that ends")]


class InMemorySnapshotStorage(SnapshotStorage):
    """A store in this process: for development and tests; gone when the process ends.

    Args:
        read_only: look only; every write is refused.
        compliance: which values are secrets, and the keys they are encrypted with.
    """

    def __init__(
        self,
        *,
        read_only: bool = False,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        super().__init__(MemoryBackend(), read_only=read_only, compliance=compliance)
