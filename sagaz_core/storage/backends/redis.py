"""Keeps everything on a Redis server or cluster that many processes on many machines may use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from sagaz_core.errors import SchemaTooNewError, StorageUnavailableError, UsageError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.redis_check import (
    clear_away,
    describe_store,
    server_findings,
    store_findings,
)
from sagaz_core.storage.backends.redis_connection import (
    RedisConnection,
    check_url,
    describe,
)
from sagaz_core.storage.backends.redis_entries import read_entries, read_latest, read_touches
from sagaz_core.storage.backends.redis_keep import keep_family, let_go
from sagaz_core.storage.backends.redis_keys import SCHEMA, Keys, Place, unpack_place
from sagaz_core.storage.backends.redis_query import count, count_ended, read_page, read_rows
from sagaz_core.storage.backends.redis_records import read_record, scan_records
from sagaz_core.storage.backends.redis_rows import (
    BodyPacker,
    unpack_record,
)
from sagaz_core.storage.backends.redis_scrub import FileRewriting
from sagaz_core.storage.backends.redis_write import SCRIPTS, RedisWriter
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

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.manager import ComplianceManager

_KNOWN_ROOTS: Final = 10_000
_WAIT_AT_ONCE: Final = 1.0
_NUMBER_BITS: Final = 20
"""Of a cursor, for what was written within one millisecond."""

_log = logging.getLogger("sagaz")


class RedisBackend(Backend):
    """A backend over the keys of one prefix.

    Args:
        redis_url: ``redis://[USER:PASSWORD@]HOST[:PORT][/DB]``, or ``rediss://`` for TLS; of a
            cluster, any of its servers.
        key_prefix: what the names of all its keys begin with.
        default_ttl: seconds after its latest checkpoint at which a saga expires that asks for
            no retention; none may ask for a longer one. None: such a saga stays for ever.
        enable_compression: whether bodies are compressed once more as a whole, which gains where
            much changes at once; both kinds are read.
        compression_level: zstandard's, 1 to 22.
    """

    expires_by_itself = True

    def __init__(
        self,
        redis_url: str,
        *,
        key_prefix: str = "sagaz:",
        default_ttl: float | None = None,
        enable_compression: bool = True,
        compression_level: int = 3,
    ) -> None:
        check_url(redis_url)
        if default_ttl is not None and default_ttl <= 0:
            raise UsageError("default_ttl must be positive seconds, or None to keep sagas for ever")
        if not 1 <= compression_level <= 22:
            raise UsageError(f"compression_level is {compression_level}; use 1 to 22")
        self.url = redis_url
        self.name = _name(redis_url)
        self.retention_limit = None if default_ttl is None else timedelta(seconds=default_ttl)
        self._ttl = None if default_ttl is None else round(default_ttl * 1_000_000)
        self._keys = Keys(key_prefix)
        self._bodies = BodyPacker(compression_level if enable_compression else None)
        self._connection: RedisConnection | None = None
        self._writes: RedisWriter | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._roots: OrderedDict[str, str] = OrderedDict()
        self._warned = False
        self._files = FileRewriting()

    @property
    def place(self) -> str:
        return f"{describe(self.url)} {self._keys.prefix}"

    async def open(self, *, read_only: bool) -> None:
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = (loop, asyncio.Lock())
        async with self._opening[1]:
            if self._connection is not None:
                return
            connection = await RedisConnection.open(self.url, SCRIPTS)
            try:
                await self._check_schema(connection, read_only)
                if not read_only:
                    await self._warn_once(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection

    async def _check_schema(self, connection: RedisConnection, read_only: bool) -> None:
        if not read_only:
            await connection.run(("SET", self._keys.schema, SCHEMA, "NX"))
        (found,) = await connection.run(("GET", self._keys.schema))
        if found is None:
            raise StorageUnavailableError(
                f"there is no store at {describe(self.url)} under the prefix "
                f"{self._keys.prefix!r}; record a saga into it first, or name another with "
                "--storage-url"
            )
        if int(found) > SCHEMA:
            raise SchemaTooNewError(
                f"{describe(self.url)} was written by a newer sagaz (schema {int(found)}, this one "
                f"knows {SCHEMA}); upgrade sagaz to open it"
            )

    async def _warn_once(self, connection: RedisConnection) -> None:
        if not self._warned:
            self._warned = True
            for finding in await server_findings(connection):
                if finding.level != "ok":
                    _log.warning("%s: %s; %s", self.name, finding.what, finding.advice)

    async def close(self) -> None:
        connection, self._connection, self._writes = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> RedisConnection:
        """Return the connection of this event loop."""
        connection = self._connection
        if connection is None:
            raise StorageUnavailableError(f"{self.name} is closed; open the storage first")
        if connection.loop is not asyncio.get_running_loop():
            self._connection = await RedisConnection.open(self.url, SCRIPTS)
            await connection.close()
            return self._connection
        return connection

    # -- writing

    def expires_at(self, retention_until: int | None) -> int | None:
        now = time.time_ns() // 1000
        if retention_until is None:
            return None if self._ttl is None else now + self._ttl
        if retention_until <= now:
            raise UsageError(
                "retention_until is in the past, and Redis would drop the saga at once; give a "
                "later time, or None"
            )
        if self._ttl is not None and retention_until > now + self._ttl:
            raise UsageError(
                f"a retention of {_days(retention_until - now)} is longer than the store's "
                f"default_ttl of {_days(self._ttl)}; shorten retention_days, or raise default_ttl"
            )
        return retention_until

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await (await self._writer()).append(appends)
        for append in appends:
            self._remember(append.saga.saga_id, append.saga.root)
        return outcomes

    async def rewrap(self, saga_id: str, wrapped_key: bytes, *, expected: bytes | None) -> bool:
        place = await self._place(saga_id)
        if place is None:
            return False
        return await (await self._writer()).rewrap(place, wrapped_key, expected)

    async def replace(
        self, saga: SagaRow, entries: Sequence[EntryRow], *, expected_head: int
    ) -> bool:
        if saga.head != expected_head:
            return False
        try:
            return await (await self._writer()).replace(saga, entries)
        finally:
            self._files = FileRewriting()

    async def hide(self, snapshot_id: str) -> bool:
        connection = await self._connected()
        (member,) = await connection.run(("GET", self._keys.place_of(snapshot_id)))
        if member is None:
            return False
        return await (await self._writer()).hide(unpack_place(member), snapshot_id)

    async def keep(self, root: str, held: bool) -> None:
        connection = await self._connected()
        await (keep_family if held else let_go)(connection, self._keys, root)

    async def delete(self, saga_ids: Sequence[str], *, scrub: bool = False) -> int:
        writer, gone = await self._writer(), 0
        try:
            for saga_id in saga_ids:
                place = await self._place(saga_id)
                if place is not None:
                    gone += await writer.delete(place, scrub=scrub)
                    self._roots.pop(saga_id, None)
        finally:
            if scrub:
                self._files = FileRewriting()
        return gone

    async def scrubbed(self) -> bool:
        return await self._files.go_on(await self._connected())

    async def _writer(self) -> RedisWriter:
        connection = await self._connected()
        if self._writes is None or self._writes.connection is not connection:
            self._writes = RedisWriter(connection, self._keys, self._bodies)
        return self._writes

    # -- reading

    async def _place(self, saga_id: str) -> Place | None:
        """Return where a saga is; None: there is no such saga."""
        root = self._roots.get(saga_id)
        if root is None:
            (found,) = await (await self._connected()).run(("GET", self._keys.root_of(saga_id)))
            if found is None:
                return None
            root = found.decode()
            self._remember(saga_id, root)
        return Place(saga_id, root)

    def _remember(self, saga_id: str, root: str) -> None:
        self._roots[saga_id] = root
        if len(self._roots) > _KNOWN_ROOTS:
            self._roots.popitem(last=False)

    async def saga(self, saga_id: str) -> SagaRow | None:
        connection = await self._connected()
        for _ in range(2):
            place = await self._place(saga_id)
            if place is None:
                return None
            (found,) = await read_rows(connection, self._keys, [place])
            if found is not None:
                return found[0]
            # It may have been deleted, and begun again in another family.
            self._roots.pop(saga_id, None)
        return None

    async def tags(self, saga_id: str) -> tuple[tuple[str, str], ...]:
        place = await self._place(saga_id)
        if place is None:
            return ()
        (found,) = await read_rows(await self._connected(), self._keys, [place])
        return () if found is None else tuple(sorted(found[1]))

    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        return await read_page(await self._connected(), self._keys, query, cursor, limit)

    async def tally(
        self, query: SagaQuery, by: Literal["status", "error_group", "name"]
    ) -> dict[str, int]:
        return await count(await self._connected(), self._keys, query, by)

    async def ended(
        self, status: Literal["completed", "failed"], since: int, width: int, count: int
    ) -> list[int]:
        return await count_ended(
            await self._connected(), self._keys, status, since=since, width=width, count=count
        )

    async def expired(self, now: int) -> list[str]:
        connection = await self._connected()
        (members,) = await connection.run(("ZRANGEBYSCORE", self._keys.expiring, "-inf", now))
        found = await read_rows(connection, self._keys, [unpack_place(each) for each in members])
        return [
            row.saga_id
            for row, _ in filter(None, found)
            if row.expires is not None and row.expires <= now and not row.alive
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
        place = await self._place(saga_id)
        if place is None:
            return []
        return await read_entries(
            await self._connected(),
            self._keys.saga(place),
            max(lo, 1),
            hi,
            reverse=reverse,
            limit=limit,
            bodies=bodies,
            hidden=hidden,
        )

    async def locate(
        self,
        saga_id: str | None,
        *,
        at: int | None = None,
        snapshot_id: str | None = None,
    ) -> tuple[str, int] | None:
        connection = await self._connected()
        if snapshot_id is None:
            place = None if saga_id is None or at is None else await self._place(saga_id)
            if place is None or at is None:
                return None
            seq = await read_latest(connection, self._keys.saga(place), at)
            return None if seq is None else (place.saga_id, seq)
        (member,) = await connection.run(("GET", self._keys.place_of(snapshot_id)))
        if member is None:
            return None
        place = unpack_place(member)
        keys = self._keys.saga(place)
        (number, hidden) = await connection.run(
            ("HGET", keys.ids, snapshot_id), ("SMEMBERS", keys.hidden)
        )
        if number is None or number in hidden or saga_id not in (None, place.saga_id):
            return None
        return place.saga_id, int(number)

    async def touches(
        self, saga_id: str, *, key: str | None, lo: int, hi: int, limit: int | None = None
    ) -> list[TouchRow]:
        place = await self._place(saga_id)
        if place is None:
            return []
        return await read_touches(
            await self._connected(), self._keys.saga(place), key, max(lo, 1), hi, limit
        )

    # -- the family's lease

    async def family(self, root: str) -> FamilyRow | None:
        keys = self._keys.family(root)
        found, left = await (await self._connected()).run(
            ("HMGET", keys.family, *_FAMILY), ("PTTL", keys.alive)
        )
        return None if found[0] is None else _family_row(root, found, left)

    async def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        taken = await (await self._writer()).acquire(root, owner, holder, term, expect_fence)
        row = await self.family(root)
        return taken, row or _family_row(root, [None] * len(_FAMILY), -2)

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        return await (await self._writer()).beat(root, fence, term)

    async def release(self, root: str, *, fence: int, recovered_by: str | None = None) -> bool:
        return await (await self._writer()).release(root, fence, recovered_by)

    # -- documents

    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        changed = replace(record, version=expected_version + 1)
        ((stored,), _) = await (await self._writer()).exchange([changed], [])
        return stored

    async def exchange(
        self, records: Sequence[RecordRow], wanted: Sequence[tuple[str, str]] = ()
    ) -> tuple[list[bool], list[RecordRow | None]]:
        return await (await self._writer()).exchange(records, wanted)

    async def get(self, kind: str, id: str) -> RecordRow | None:
        (found,) = await (await self._connected()).run(read_record(self._keys, kind, id))
        return None if found[0] is None else unpack_record(*found)

    async def scan(
        self,
        kind: str,
        *,
        saga: str | None = None,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[RecordRow]:
        return await scan_records(
            await self._connected(), self._keys, kind, saga=saga, before=before, limit=limit
        )

    # -- watching

    async def wait(self, cursor: int | None, timeout: float) -> int:
        connection = await self._connected()
        if cursor is None:
            (latest,) = await connection.run(
                ("XREVRANGE", self._keys.changes, "+", "-", "COUNT", 1)
            )
            return _cursor(latest[0][0]) if latest else 0
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        after = f"{cursor >> _NUMBER_BITS}-{cursor & ((1 << _NUMBER_BITS) - 1)}"
        while (left := deadline - loop.time()) > 0:
            # In short pieces: a server that stands still is not noticed before one has passed.
            if await connection.wait_for(self._keys.changes, after, min(left, _WAIT_AT_ONCE)):
                return await self.wait(None, 0)
        return cursor

    async def info(self) -> StoreInfo:
        return await describe_store(await self._connected(), self._keys, SCHEMA)

    async def check(self) -> list[Finding]:
        connection = await self._connected()
        return [
            *await server_findings(connection),
            *await store_findings(connection, self._keys),
        ]

    async def clean(self, now: int, *, dry_run: bool = False) -> int:
        return await clear_away(await self._connected(), self._keys, now, dry_run=dry_run)


class RedisSnapshotStorage(SnapshotStorage):
    """A store on a Redis server or cluster, that many processes may use at once.

    Args:
        redis_url: ``redis://[USER:PASSWORD@]HOST[:PORT][/DB]``, or ``rediss://`` for TLS; of a
            cluster, any of its servers.
        key_prefix: what the names of all its keys begin with.
        default_ttl: seconds after its latest checkpoint at which a saga expires that asks for
            no retention; none may ask for a longer one. None: such a saga stays for ever.
        enable_compression: whether bodies are compressed once more as a whole, which gains where
            much changes at once; both kinds are read.
        compression_level: zstandard's, 1 to 22.
        read_only: look only; every write is refused.
        compliance: which values are secrets, and the keys they are encrypted with.
    """

    def __init__(
        self,
        redis_url: str,
        key_prefix: str = "sagaz:",
        default_ttl: float | None = None,
        enable_compression: bool = True,
        compression_level: int = 3,
        *,
        read_only: bool = False,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        backend = RedisBackend(
            redis_url,
            key_prefix=key_prefix,
            default_ttl=default_ttl,
            enable_compression=enable_compression,
            compression_level=compression_level,
        )
        super().__init__(backend, read_only=read_only, compliance=compliance)


_FAMILY: Final = ("fence", "owner", "holder", "held", "acquired", "recovered_by")


def _family_row(root: str, found: Sequence[bytes | None], left: int) -> FamilyRow:
    """Return a family's row from its hash and the milliseconds that its lease has left."""
    fence, owner, holder, held, acquired, recovered_by = (
        None if value is None else value.decode() for value in found
    )
    now = time.time_ns() // 1000
    # With no whole millisecond left the server still holds it, until that has passed.
    held_for = (left + 1) * 1000 if left >= 0 else 0
    return FamilyRow(
        root=root,
        fence=int(fence or 0),
        owner=owner or "",
        holder=holder or "",
        alive_until=None if held is None else now + held_for,
        acquired=int(acquired or 0),
        recovered_by=recovered_by,
        now=now,
    )


def _cursor(stream_id: bytes) -> int:
    milliseconds, _, number = stream_id.partition(b"-")
    return (int(milliseconds) << _NUMBER_BITS) + int(number)


def _name(url: str) -> str:
    """Return what a title calls the store: host, port and database."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}{parts.path.rstrip('/')}"


def _days(micros: int) -> str:
    return f"{micros / 86_400_000_000:.4g} days"
