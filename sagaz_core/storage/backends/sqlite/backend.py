"""Keeps everything in one SQLite file that several processes may use at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.changes import OwnChanges
from sagaz_core.storage.backends.rows import (
    Append,
    Chained,
    EntryRow,
    FamilyRow,
    Finding,
    Kin,
    MarkRow,
    Outcome,
    RecordRow,
    SagaPage,
    SagaQuery,
    SagaRow,
    StoreInfo,
    TouchRow,
)
from sagaz_core.storage.backends.sqlite.append import append_all
from sagaz_core.storage.backends.sqlite.check import check_file, describe_file
from sagaz_core.storage.backends.sqlite.clean import clean_up
from sagaz_core.storage.backends.sqlite.delete import delete_saga, hide_entry
from sagaz_core.storage.backends.sqlite.entries import (
    last_touches,
    latest_until,
    read_chained,
    read_entries,
    read_kin,
    read_marks,
    read_touches,
)
from sagaz_core.storage.backends.sqlite.family import (
    acquire_lease,
    beat_lease,
    read_family,
    release_lease,
)
from sagaz_core.storage.backends.sqlite.ids import place_of
from sagaz_core.storage.backends.sqlite.query import count, read_page
from sagaz_core.storage.backends.sqlite.records import (
    exchange_records,
    put_record,
    read_record,
    scan_records,
)
from sagaz_core.storage.backends.sqlite.reopening import ReopeningFile
from sagaz_core.storage.backends.sqlite.replace import replace_entries, rewrap_key
from sagaz_core.storage.backends.sqlite.rows import (
    count_ended,
    read_expired,
    read_saga,
    read_tags,
)
from sagaz_core.storage.backends.sqlite.scrub import empty_log, rebuild
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import now_micros

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.manager import ComplianceManager

POLL_SECONDS: Final = 0.1
"""How often another process's commits are looked for."""


class SQLiteBackend(Backend):
    """A backend over one file, in WAL mode, every commit synced.

    Args:
        path: the file; made on first use unless opened read-only, its folder never.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._file = ReopeningFile(self.path)
        self._changes = OwnChanges()
        self._rebuilt = False
        """Whether the file was, since something was last deleted to leave no trace."""

    @property
    def place(self) -> str:
        return str(self.path.resolve())

    async def open(self, *, read_only: bool) -> None:
        await self._file.open(read_only=read_only)

    async def close(self) -> None:
        await self._file.close()

    # -- writing

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await self._file.write(append_all, appends)
        self._changes.tell()
        return outcomes

    async def rewrap(self, saga_id: str, wrapped_key: bytes, *, expected: bytes) -> bool:
        rewrapped = await self._file.write(rewrap_key, saga_id, wrapped_key, expected)
        self._changes.tell()
        return rewrapped

    async def replace(
        self, saga: SagaRow, entries: Sequence[EntryRow], *, expected_head: int
    ) -> bool:
        replaced = await self._file.write(replace_entries, saga, entries, expected_head)
        if replaced:
            self._rebuilt = False
        self._changes.tell()
        return replaced

    async def hide(self, snapshot_id: str) -> bool:
        hidden = await self._file.write(hide_entry, snapshot_id)
        self._changes.tell()
        return hidden

    async def delete(self, saga_ids: Sequence[str], *, scrub: bool = False) -> int:
        gone = await self._file.write(
            lambda db: sum(delete_saga(db, saga_id, scrub=scrub) for saga_id in saga_ids)
        )
        if scrub:
            self._rebuilt = False
        else:
            # The log still holds what the file no longer does. Where another process reads just
            # now, it is emptied with the next checkpoint instead.
            await self._file.run(empty_log)
        self._changes.tell()
        return gone

    async def scrubbed(self) -> bool:
        self._rebuilt = self._rebuilt or await self._file.run(rebuild)
        return self._rebuilt and await self._file.run(empty_log)

    async def clean(self, now: int, *, dry_run: bool = False) -> int:
        if dry_run:
            return await self._file.run(clean_up, now, now_micros(), dry_run)
        gone = await self._file.write(clean_up, now, now_micros(), dry_run)
        self._changes.tell()
        return gone

    # -- reading

    async def saga(self, saga_id: str) -> SagaRow | None:
        return await self._file.run(read_saga, saga_id)

    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        return await self._file.run(read_page, query, cursor, limit, now_micros())

    async def tally(
        self, query: SagaQuery, by: Literal["status", "error_group", "name"]
    ) -> dict[str, int]:
        return await self._file.run(count, query, by, now_micros())

    async def ended(
        self, status: Literal["completed", "failed"], since: int, width: int, count: int
    ) -> list[int]:
        return await self._file.run(count_ended, status, since, width, count)

    async def expired(self, now: int) -> list[str]:
        return await self._file.run(read_expired, now)

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
        return await self._file.run(
            read_entries,
            saga_id,
            lo,
            hi,
            reverse=reverse,
            limit=limit,
            bodies=bodies,
            hidden=hidden,
        )

    async def chained(self, saga_id: str, seq: int) -> Chained | None:
        return await self._file.run(read_chained, saga_id, seq)

    async def kin(self, saga_id: str, *, bodies_up_to: int = 0) -> Kin | None:
        return await self._file.run(read_kin, saga_id, bodies_up_to)

    async def locate(
        self,
        saga_id: str | None,
        *,
        at: int | None = None,
        snapshot_id: str | None = None,
    ) -> tuple[str, int] | None:
        if snapshot_id is not None:
            place = await self._file.run(place_of, snapshot_id)
            if place is None or place.hidden or saga_id not in (None, place.saga_id):
                return None
            return place.saga_id, place.seq
        if saga_id is None or at is None:
            return None
        seq = await self._file.run(latest_until, saga_id, at)
        return None if seq is None else (saga_id, seq)

    async def touches(
        self, saga_id: str, *, key: str | None, lo: int, hi: int, limit: int | None = None
    ) -> list[TouchRow]:
        return await self._file.run(read_touches, saga_id, key, lo, hi, limit)

    async def last_touches(self, saga_id: str, keys: Sequence[str], until: int) -> list[TouchRow]:
        return await self._file.run(last_touches, saga_id, list(dict.fromkeys(keys)), until)

    async def marks(self, saga_id: str, lo: int, hi: int) -> list[MarkRow]:
        return await self._file.run(read_marks, saga_id, lo, hi)

    async def tags(self, saga_id: str) -> tuple[tuple[str, str], ...]:
        return await self._file.run(read_tags, saga_id)

    # -- the family's lease

    async def family(self, root: str) -> FamilyRow | None:
        return await self._file.run(read_family, root)

    async def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        taken = await self._file.write(acquire_lease, root, owner, holder, term, expect_fence)
        self._changes.tell()
        return taken

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        return await self._file.write(beat_lease, root, fence, term)

    async def release(
        self, root: str, *, fence: int, recovered_by: str | None = None, undone: bool = False
    ) -> bool:
        released = await self._file.write(release_lease, root, fence, recovered_by, undone)
        self._changes.tell()
        return released

    # -- documents

    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        stored = await self._file.write(put_record, record, expected_version)
        self._changes.tell()
        return stored

    async def exchange(
        self, records: Sequence[RecordRow], wanted: Sequence[tuple[str, str]] = ()
    ) -> tuple[list[bool], list[RecordRow | None]]:
        stored, found = await self._file.write(exchange_records, records, wanted)
        self._changes.tell()
        return stored, found

    async def get(self, kind: str, id: str) -> RecordRow | None:
        return await self._file.run(read_record, kind, id)

    async def scan(
        self,
        kind: str,
        *,
        saga: str | None = None,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[RecordRow]:
        return await self._file.run(scan_records, kind, saga, before, limit)

    # -- watching

    async def wait(self, cursor: int | None, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while True:
            # SQLite counts the commits of others only; ours are counted here. The time of
            # opening keeps a cursor of an earlier connection from looking current.
            own = self._changes.count
            version = await self._file.run(_data_version)
            current = self._file.opened_at + version + own
            left = deadline - time.monotonic()
            if cursor != current or left <= 0:
                return current
            await self._changes.wait(own, min(POLL_SECONDS, left))

    async def info(self) -> StoreInfo:
        return await self._file.run(describe_file, self.path, at_rest=await self._file.at_rest())

    async def check(self) -> list[Finding]:
        at_rest = await self._file.at_rest()
        return await self._file.run(check_file, self.path, at_rest=at_rest)


class SQLiteSnapshotStorage(SnapshotStorage):
    """A store in one SQLite file, that several processes may use at once.

    Args:
        path: the file; made on first use unless read-only, its folder never.
        read_only: look only; every write is refused.
        compliance: which values are secrets, and the keys they are encrypted with.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        read_only: bool = False,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        super().__init__(SQLiteBackend(path), read_only=read_only, compliance=compliance)


# ---------------------------------------------------------------- on the connection's thread


def _data_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])
