"""Keeps everything in one SQLite file that several processes may use at once."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends.base import (
    Append,
    Backend,
    EntryRow,
    FamilyRow,
    Outcome,
    RecordRow,
    SagaPage,
    SagaQuery,
    SagaRow,
    StoreInfo,
    TouchRow,
)
from sagaz_core.storage.backends.sqlite_connection import SQLiteConnection, migrations
from sagaz_core.storage.backends.sqlite_query import DERIVED_STATUS, where
from sagaz_core.storage.storage import SnapshotStorage

POLL_SECONDS: Final = 0.05

_SAGA_COLUMNS: Final = (
    "s.id, s.root, s.parent, s.parent_seq, s.name, s.code, s.status, s.compensation, s.step, "
    "s.error, s.error_group, s.started, s.updated, s.head, s.keyframe, s.expires, "
    "f.alive_until, f.holder, f.recovered_by"
)
_SAGA: Final = f"SELECT {_SAGA_COLUMNS} FROM saga s LEFT JOIN family f ON f.root = s.root"


def _now() -> int:
    return time.time_ns() // 1000


class SQLiteBackend(Backend):
    """A backend over one file, in WAL mode, every commit synced.

    Args:
        path: the file; made on first use unless opened read-only, its folder never.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._connection: SQLiteConnection | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._opened_at = 0
        self._own_commits = 0

    async def open(self, *, read_only: bool) -> None:
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = (loop, asyncio.Lock())
        async with self._opening[1]:
            if self._connection is None:
                self._connection = await SQLiteConnection.open(self.path, read_only=read_only)
                self._opened_at = time.time_ns()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    @property
    def _open(self) -> SQLiteConnection:
        if self._connection is None:
            raise StorageUnavailableError(f"{self.path} is closed; open the storage first")
        return self._connection

    # -- writing

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await self._open.write(_append_all, appends)
        self._own_commits += 1
        return outcomes

    async def hide(self, snapshot_id: str) -> bool:
        self._own_commits += 1
        return await self._open.write(
            lambda db: (
                db.execute(
                    "UPDATE entry SET hidden = 1 WHERE snapshot_id = ? AND NOT hidden",
                    (snapshot_id,),
                ).rowcount
                == 1
            )
        )

    async def delete(self, saga_ids: Sequence[str]) -> int:
        self._own_commits += 1
        return await self._open.write(lambda db: sum(_delete(db, id) for id in saga_ids))

    # -- reading

    async def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return await self._open.run(lambda db: db.execute(sql, parameters).fetchall())

    async def saga(self, saga_id: str) -> SagaRow | None:
        rows = await self._rows(f"{_SAGA} WHERE s.id = ?", (saga_id,))
        return _saga_row(rows[0]) if rows else None

    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        conditions, parameters = where(query, _now())
        if cursor is not None:
            updated, _, saga_id = cursor.partition(":")
            conditions.append("(s.updated, s.id) < (?, ?)")
            parameters += [int(updated), saga_id]
        rows = await self._rows(
            f"{_SAGA} WHERE {' AND '.join(conditions)} ORDER BY s.updated DESC, s.id DESC LIMIT ?",
            [*parameters, limit + 1],
        )
        sagas = [_saga_row(row) for row in rows[:limit]]
        more = len(rows) > limit
        return SagaPage(sagas, f"{sagas[-1].updated}:{sagas[-1].saga_id}" if more else None)

    async def tally(
        self, query: SagaQuery, by: Literal["status", "error_group", "name"]
    ) -> dict[str, int]:
        now = _now()
        conditions, parameters = where(query, now)
        column = DERIVED_STATUS if by == "status" else f"s.{by}"
        chosen = [now] if by == "status" else []
        rows = await self._rows(
            f"SELECT {column} AS value, count(*) FROM saga s "
            f"LEFT JOIN family f ON f.root = s.root WHERE {' AND '.join(conditions)} "
            "GROUP BY value",
            [*chosen, *parameters],
        )
        return {value: count for value, count in rows if value}

    async def expired(self, now: int) -> list[str]:
        rows = await self._rows(
            "SELECT s.id FROM saga s LEFT JOIN family f ON f.root = s.root "
            "WHERE s.expires <= ? AND coalesce(f.alive_until, 0) <= ?",
            (now, _now()),
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
        rows = await self._rows(
            "SELECT seq, keyframe, at, kind, step, snapshot_id, hidden, meta, "
            f"{'body' if bodies else 'NULL'} FROM entry "
            "WHERE saga = (SELECT pk FROM saga WHERE id = ?) AND seq BETWEEN ? AND ? "
            f"{'' if hidden else 'AND NOT hidden '}"
            f"ORDER BY seq {'DESC' if reverse else 'ASC'} LIMIT ?",
            (saga_id, lo, hi, -1 if limit is None else limit),
        )
        return [
            EntryRow(
                seq=seq,
                keyframe=keyframe,
                at=at,
                kind=kind,
                step=step,
                snapshot_id=snapshot_id,
                hidden=bool(is_hidden),
                meta=meta,
                body=body,
            )
            for seq, keyframe, at, kind, step, snapshot_id, is_hidden, meta, body in rows
        ]

    async def locate(
        self,
        saga_id: str | None,
        *,
        at: int | None = None,
        snapshot_id: str | None = None,
    ) -> tuple[str, int] | None:
        if snapshot_id is not None:
            rows = await self._rows(
                "SELECT s.id, e.seq FROM entry e JOIN saga s ON s.pk = e.saga "
                "WHERE e.snapshot_id = ?1 AND NOT e.hidden AND (?2 IS NULL OR s.id = ?2)",
                (snapshot_id, saga_id),
            )
        else:
            rows = await self._rows(
                "SELECT ?1, seq FROM entry WHERE saga = (SELECT pk FROM saga WHERE id = ?1) "
                "AND at <= ?2 AND NOT hidden ORDER BY at DESC, seq DESC LIMIT 1",
                (saga_id, at),
            )
        return rows[0] if rows else None

    async def touches(
        self, saga_id: str, *, key: str | None, lo: int, hi: int, limit: int | None = None
    ) -> list[TouchRow]:
        rows = await self._rows(
            "SELECT key, seq, step FROM touch WHERE saga = (SELECT pk FROM saga WHERE id = ?) "
            f"AND seq BETWEEN ? AND ? {'' if key is None else 'AND key = ? '}"
            "ORDER BY seq DESC, key LIMIT ?",
            [saga_id, lo, hi, *([] if key is None else [key]), -1 if limit is None else limit],
        )
        return [TouchRow(*row) for row in rows]

    # -- the family's lease

    async def family(self, root: str) -> FamilyRow | None:
        return await self._open.run(_family, root, _now())

    async def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        self._own_commits += 1
        return await self._open.write(_acquire, root, owner, holder, term, expect_fence)

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        return await self._open.write(
            lambda db: (
                db.execute(
                    "UPDATE family SET alive_until = ? "
                    "WHERE root = ? AND fence = ? AND alive_until IS NOT NULL",
                    (_now() + term, root, fence),
                ).rowcount
                == 1
            )
        )

    async def release(self, root: str, *, fence: int, recovered_by: str | None = None) -> bool:
        self._own_commits += 1
        return await self._open.write(
            lambda db: (
                db.execute(
                    "UPDATE family SET alive_until = NULL, "
                    "recovered_by = coalesce(?, recovered_by) WHERE root = ? AND fence = ?",
                    (recovered_by, root, fence),
                ).rowcount
                == 1
            )
        )

    # -- documents

    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        self._own_commits += 1
        return await self._open.write(_put, record, expected_version)

    async def get(self, kind: str, id: str) -> RecordRow | None:
        rows = await self._rows(
            "SELECT kind, id, version, saga, at, expires, body FROM record "
            "WHERE kind = ? AND id = ?",
            (kind, id),
        )
        return _record_row(rows[0]) if rows else None

    async def scan(
        self, kind: str, *, saga: str | None = None, limit: int | None = None
    ) -> list[RecordRow]:
        rows = await self._rows(
            "SELECT kind, id, version, saga, at, expires, body FROM record WHERE kind = ? "
            f"{'' if saga is None else 'AND saga = ? '}ORDER BY at DESC, id DESC LIMIT ?",
            [kind, *([] if saga is None else [saga]), -1 if limit is None else limit],
        )
        return [_record_row(row) for row in rows]

    # -- watching

    async def wait(self, cursor: int | None, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while True:
            # SQLite counts the commits of others only; ours are counted here. The time of
            # opening keeps a cursor of an earlier connection from looking current.
            version = await self._open.run(
                lambda db: int(db.execute("PRAGMA data_version").fetchone()[0])
            )
            current = self._opened_at + version + self._own_commits
            left = deadline - time.monotonic()
            if cursor != current or left <= 0:
                return current
            await asyncio.sleep(min(POLL_SECONDS, left))

    async def info(self) -> StoreInfo:
        def read(db: sqlite3.Connection) -> StoreInfo:
            def one(sql: str) -> Any:
                return db.execute(sql).fetchone()[0]

            return StoreInfo(
                description=f"SQLite {sqlite3.sqlite_version}, {self.path}",
                sagas=one("SELECT count(*) FROM saga"),
                entries=one("SELECT count(*) FROM entry"),
                bytes=one("PRAGMA page_count") * one("PRAGMA page_size"),
                schema=one("PRAGMA user_version"),
                details={
                    "journal_mode": one("PRAGMA journal_mode"),
                    "newest_schema": str(len(migrations())),
                },
            )

        return await self._open.run(read)


# ---------------------------------------------------------------- on the connection's thread


def _append_all(db: sqlite3.Connection, appends: Sequence[Append]) -> list[Outcome]:
    now = _now()
    return [_append(db, append, now) for append in appends]


def _append(db: sqlite3.Connection, append: Append, now: int) -> Outcome:
    """Write one append, or refuse it before anything of it is written."""
    row, entry = append.saga, append.entry
    if entry is not None:
        stored = db.execute(
            "SELECT seq FROM entry WHERE snapshot_id = ?", (entry.snapshot_id,)
        ).fetchone()
        if stored is not None:
            return Outcome("duplicate", stored[0])
    known = db.execute("SELECT pk, head FROM saga WHERE id = ?", (row.saga_id,)).fetchone()
    head = known[1] if known else 0
    if head != append.expected_head:
        return Outcome("conflict", head)
    if append.fence is not None and not _extend_lease(db, append, append.fence, now):
        return Outcome("fenced", head)
    pk = _write_saga(db, row, known[0] if known else None)
    if entry is not None:
        db.execute(
            "INSERT INTO entry (saga, seq, keyframe, at, kind, step, snapshot_id, meta, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                pk,
                entry.seq,
                entry.keyframe,
                entry.at,
                entry.kind,
                entry.step,
                entry.snapshot_id,
                entry.meta,
                entry.body,
            ),
        )
    if append.touches:
        db.executemany(
            "INSERT INTO touch (saga, key, seq, step) VALUES (?, ?, ?, ?)",
            [(pk, touch.key, touch.seq, touch.step) for touch in append.touches],
        )
    if append.tags:
        db.executemany(
            "INSERT OR IGNORE INTO tag (name, value, saga) VALUES (?, ?, ?)",
            [(name, value, pk) for name, value in append.tags],
        )
    return Outcome("stored", row.head)


def _extend_lease(db: sqlite3.Connection, append: Append, fence: int, now: int) -> bool:
    row = append.saga
    if append.claim:
        db.execute(
            "INSERT OR IGNORE INTO family (root, fence, owner, holder, acquired) "
            "VALUES (?, ?, ?, ?, ?)",
            (row.root, fence, append.owner, row.saga_id, now),
        )
    alive_until = None if append.release else now + append.term
    updated = db.execute(
        "UPDATE family SET alive_until = ?, recovered_by = coalesce(?, recovered_by) "
        "WHERE root = ? AND fence = ? AND holder = ?",
        (alive_until, row.saga_id if append.recovers else None, row.root, fence, row.saga_id),
    )
    return updated.rowcount == 1


def _write_saga(db: sqlite3.Connection, row: SagaRow, pk: int | None) -> int:
    if pk is not None:
        db.execute(
            "UPDATE saga SET name = ?, code = ?, status = ?, compensation = ?, step = ?, "
            "error = ?, error_group = ?, updated = ?, head = ?, keyframe = ?, expires = ? "
            "WHERE pk = ?",
            (
                row.name,
                row.code,
                row.status,
                row.compensation,
                row.step,
                row.error,
                row.error_group,
                row.updated,
                row.head,
                row.keyframe,
                row.expires,
                pk,
            ),
        )
        return pk
    inserted = db.execute(
        "INSERT INTO saga (id, root, parent, parent_seq, name, code, status, compensation, step, "
        "error, error_group, started, updated, head, keyframe, expires) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.saga_id,
            row.root,
            row.parent,
            row.parent_seq,
            row.name,
            row.code,
            row.status,
            row.compensation,
            row.step,
            row.error,
            row.error_group,
            row.started,
            row.updated,
            row.head,
            row.keyframe,
            row.expires,
        ),
    )
    assert inserted.lastrowid is not None
    return inserted.lastrowid


def _delete(db: sqlite3.Connection, saga_id: str) -> int:
    found = db.execute("SELECT pk, root FROM saga WHERE id = ?", (saga_id,)).fetchone()
    if found is None:
        return 0
    pk, root = found
    gone = db.execute("DELETE FROM entry WHERE saga = ?", (pk,)).rowcount
    for table in ("touch", "tag"):
        db.execute(f"DELETE FROM {table} WHERE saga = ?", (pk,))
    db.execute("DELETE FROM record WHERE saga = ?", (saga_id,))
    db.execute("DELETE FROM saga WHERE pk = ?", (pk,))
    db.execute(
        "DELETE FROM family WHERE root = ?1 AND NOT EXISTS (SELECT 1 FROM saga WHERE root = ?1)",
        (root,),
    )
    return gone


def _family(db: sqlite3.Connection, root: str, now: int) -> FamilyRow | None:
    found = db.execute(
        "SELECT fence, owner, holder, alive_until, acquired, recovered_by "
        "FROM family WHERE root = ?",
        (root,),
    ).fetchone()
    if found is None:
        return None
    fence, owner, holder, alive_until, acquired, recovered_by = found
    return FamilyRow(
        root=root,
        fence=fence,
        owner=owner,
        holder=holder,
        alive_until=alive_until,
        acquired=acquired,
        recovered_by=recovered_by,
        now=now,
    )


def _acquire(
    db: sqlite3.Connection, root: str, owner: str, holder: str, term: int, expect_fence: int
) -> tuple[bool, FamilyRow]:
    now = _now()
    family = _family(db, root, now) or FamilyRow(
        root=root,
        fence=0,
        owner="",
        holder="",
        alive_until=None,
        acquired=0,
        recovered_by=None,
        now=now,
    )
    if family.held or family.fence != expect_fence:
        return False, family
    db.execute(
        "INSERT INTO family (root, fence, owner, holder, acquired, alive_until, recovered_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (root) DO UPDATE SET fence = excluded.fence, "
        "owner = excluded.owner, holder = excluded.holder, acquired = excluded.acquired, "
        "alive_until = excluded.alive_until",
        (root, expect_fence + 1, owner, holder, now, now + term, family.recovered_by),
    )
    taken = _family(db, root, now)
    assert taken is not None
    return True, taken


def _put(db: sqlite3.Connection, record: RecordRow, expected_version: int) -> bool:
    if expected_version == 0:
        written = db.execute(
            "INSERT OR IGNORE INTO record (kind, id, version, saga, at, expires, body) "
            "VALUES (?, ?, 1, ?, ?, ?, ?)",
            (record.kind, record.id, record.saga, record.at, record.expires, record.body),
        )
    else:
        written = db.execute(
            "UPDATE record SET version = version + 1, saga = ?, at = ?, expires = ?, body = ? "
            "WHERE kind = ? AND id = ? AND version = ?",
            (
                record.saga,
                record.at,
                record.expires,
                record.body,
                record.kind,
                record.id,
                expected_version,
            ),
        )
    return written.rowcount == 1


# ---------------------------------------------------------------- rows


def _saga_row(row: Sequence[Any]) -> SagaRow:
    return SagaRow(
        saga_id=row[0],
        root=row[1],
        parent=row[2],
        parent_seq=row[3],
        name=row[4],
        code=row[5],
        status=row[6],
        compensation=row[7],
        step=row[8],
        error=row[9],
        error_group=row[10],
        started=row[11],
        updated=row[12],
        head=row[13],
        keyframe=row[14],
        expires=row[15],
        alive_until=row[16],
        holder=row[17],
        recovered_by=row[18],
    )


def _record_row(row: Sequence[Any]) -> RecordRow:
    return RecordRow(
        kind=row[0],
        id=row[1],
        version=row[2],
        saga=row[3],
        at=row[4],
        expires=row[5],
        body=row[6],
    )


class SQLiteSnapshotStorage(SnapshotStorage):
    """A store in one SQLite file, that several processes may use at once.

    Args:
        path: the file; made on first use unless read-only, its folder never.
        read_only: look only; every write is refused.
    """

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False) -> None:
        super().__init__(SQLiteBackend(path), read_only=read_only)
