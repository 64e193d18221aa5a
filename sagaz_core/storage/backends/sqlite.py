"""Keeps everything in one SQLite file that several processes may use at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.changes import OwnChanges
from sagaz_core.storage.backends.row_check import checked_touch
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
from sagaz_core.storage.backends.sqlite_check import check_file
from sagaz_core.storage.backends.sqlite_clean import clean_up
from sagaz_core.storage.backends.sqlite_entries import (
    hide_entry,
    last_touches,
    latest_until,
    read_chained,
    read_entries,
    read_kin,
    replace_entries,
)
from sagaz_core.storage.backends.sqlite_ids import place_of
from sagaz_core.storage.backends.sqlite_query import SAGA, count, read_page, saga_row
from sagaz_core.storage.backends.sqlite_records import (
    RECORD,
    RECORD_OF,
    exchange_records,
    put_record,
    record_row,
)
from sagaz_core.storage.backends.sqlite_reopening import ReopeningFile
from sagaz_core.storage.backends.sqlite_schema import migrations
from sagaz_core.storage.backends.sqlite_scrub import empty_log, rebuild
from sagaz_core.storage.backends.sqlite_write import (
    acquire_lease,
    append_all,
    delete_saga,
    kind_of,
    now_micros,
    read_family,
)
from sagaz_core.storage.storage import SnapshotStorage

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
        return await self._update(
            "UPDATE saga SET wrapped_key = ?1 WHERE id = ?2 AND wrapped_key IN (?3, ?1)",
            (wrapped_key, saga_id, expected),
        )

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

    async def _update(self, sql: str, parameters: Sequence[Any]) -> bool:
        """Run one statement as a transaction; returns whether it changed a row."""
        changed = await self._file.write(lambda db: db.execute(sql, parameters).rowcount == 1)
        self._changes.tell()
        return changed

    # -- reading

    async def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return await self._file.run(lambda db: db.execute(sql, parameters).fetchall())

    async def saga(self, saga_id: str) -> SagaRow | None:
        rows = await self._rows(f"{SAGA} WHERE s.id = ?", (saga_id,))
        return saga_row(rows[0], now_micros()) if rows else None

    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        return await self._file.run(read_page, query, cursor, limit, now_micros())

    async def tally(
        self, query: SagaQuery, by: Literal["status", "error_group", "name"]
    ) -> dict[str, int]:
        return await self._file.run(count, query, by, now_micros())

    async def ended(
        self, status: Literal["completed", "failed"], since: int, width: int, count: int
    ) -> list[int]:
        rows = await self._rows(
            "SELECT (ended - ?1) / ?2 AS number, count(*) FROM saga WHERE ended IS NOT NULL "
            "AND status = ?3 AND ended >= ?1 AND ended < ?1 + ?2 * ?4 GROUP BY number",
            (since, width, status, count),
        )
        found = dict(rows)
        return [found.get(number, 0) for number in range(count)]

    async def expired(self, now: int) -> list[str]:
        rows = await self._rows(
            # Two parts, as there is an index for each.
            " UNION ALL ".join(
                "SELECT s.id FROM saga s LEFT JOIN family f ON f.root = s.root "
                f"WHERE s.ended IS {state} AND s.expires <= ?1 "
                "AND coalesce(f.alive_until, 0) <= ?2"
                for state in ("NULL", "NOT NULL")
            ),
            (now, now_micros()),
        )
        return [row[0] for row in rows]

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

    async def kin(self, saga_id: str) -> Kin | None:
        return await self._file.run(read_kin, saga_id)

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
        rows = await self._rows(
            "SELECT key, seq, step FROM touch WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
            f"AND seq BETWEEN ? AND ? {'' if key is None else 'AND key = ? '}"
            "ORDER BY seq DESC, key LIMIT ?",
            [saga_id, lo, hi, *([] if key is None else [key]), -1 if limit is None else limit],
        )
        return [checked_touch(TouchRow(*row)) for row in rows]

    async def last_touches(self, saga_id: str, keys: Sequence[str], until: int) -> list[TouchRow]:
        return await self._file.run(last_touches, saga_id, list(dict.fromkeys(keys)), until)

    async def marks(self, saga_id: str, lo: int, hi: int) -> list[MarkRow]:
        rows = await self._rows(
            "SELECT seq, kind, step FROM entry WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
            "AND seq BETWEEN ? AND ? AND NOT hidden ORDER BY seq",
            (saga_id, lo, hi),
        )
        return [MarkRow(seq, kind_of(kind, seq), step) for seq, kind, step in rows]

    async def tags(self, saga_id: str) -> tuple[tuple[str, str], ...]:
        rows = await self._rows(
            "SELECT name, value FROM tag WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
            "ORDER BY name, value",
            (saga_id,),
        )
        return tuple((name, value) for name, value in rows)

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
        return await self._file.write(
            lambda db: (
                db.execute(
                    "UPDATE family SET alive_until = ? "
                    "WHERE root = ? AND fence = ? AND alive_until IS NOT NULL",
                    (now_micros() + term, root, fence),
                ).rowcount
                == 1
            )
        )

    async def release(self, root: str, *, fence: int, recovered_by: str | None = None) -> bool:
        return await self._update(
            "UPDATE family SET alive_until = NULL, recovered_by = coalesce(?, recovered_by) "
            "WHERE root = ? AND fence = ?",
            (recovered_by, root, fence),
        )

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
        rows = await self._rows(RECORD_OF, (kind, id))
        return record_row(rows[0]) if rows else None

    async def scan(
        self,
        kind: str,
        *,
        saga: str | None = None,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[RecordRow]:
        of_saga = "" if saga is None else "AND saga = ? "
        older = "" if before is None else "AND (at, id) < (?, ?) "
        rows = await self._rows(
            f"{RECORD} WHERE kind = ? {of_saga}{older}ORDER BY at DESC, id DESC LIMIT ?",
            [
                kind,
                *([] if saga is None else [saga]),
                *(before or ()),
                -1 if limit is None else limit,
            ],
        )
        return [record_row(row) for row in rows]

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
        return await self._file.run(_describe, self.path, await self._file.at_rest())

    async def check(self) -> list[Finding]:
        at_rest = await self._file.at_rest()
        return await self._file.run(
            check_file, self.path, now_micros(), len(migrations()), at_rest=at_rest
        )


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


def _describe(db: sqlite3.Connection, path: Path, at_rest: bool) -> StoreInfo:
    def one(sql: str) -> Any:
        return db.execute(sql).fetchone()[0]

    return StoreInfo(
        description=f"SQLite {sqlite3.sqlite_version}, {path}",
        sagas=one("SELECT count(*) FROM saga"),
        entries=one("SELECT count(*) FROM entry"),
        bytes=one("PRAGMA page_count") * one("PRAGMA page_size"),
        schema=one("PRAGMA user_version"),
        details={
            "journal_mode": "at rest" if at_rest else one("PRAGMA journal_mode"),
            "newest_schema": str(len(migrations())),
        },
    )
