"""Keeps everything on a Redis server or cluster that many processes on many machines may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sagaz_core.errors import UsageError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.redis.address import check_url, describe, name_of
from sagaz_core.storage.backends.redis.append import RedisAppending
from sagaz_core.storage.backends.redis.check import (
    clear_away,
    describe_store,
    server_findings,
    store_findings,
)
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.delete import delete_saga, hide_entry
from sagaz_core.storage.backends.redis.entries import (
    read_entries,
    read_latest,
    read_number,
    read_touches,
)
from sagaz_core.storage.backends.redis.family import acquire, beat, read_family, release
from sagaz_core.storage.backends.redis.keep import keep_family, let_go
from sagaz_core.storage.backends.redis.keys import SCHEMA, Keys, Place
from sagaz_core.storage.backends.redis.opening import RedisOpening
from sagaz_core.storage.backends.redis.places import Places, place_of_snapshot
from sagaz_core.storage.backends.redis.query import (
    count,
    count_ended,
    read_expired,
    read_page,
    read_rows,
)
from sagaz_core.storage.backends.redis.records import exchange, scan_records
from sagaz_core.storage.backends.redis.replace import replace_entries, rewrap_key
from sagaz_core.storage.backends.redis.retention import Retention
from sagaz_core.storage.backends.redis.rows import BodyPacker
from sagaz_core.storage.backends.redis.scrub import FileRewriting
from sagaz_core.storage.backends.redis.watching import wait_for_change
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
    scrubs_by_itself = True

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
        if not 1 <= compression_level <= 22:
            raise UsageError(f"compression_level is {compression_level}; use 1 to 22")
        self.url = redis_url
        self.name = name_of(redis_url)
        self.retention_limit = None if default_ttl is None else timedelta(seconds=default_ttl)
        self._retention = Retention(default_ttl)
        self._keys = Keys(key_prefix)
        self._bodies = BodyPacker(compression_level if enable_compression else None)
        self._opening = RedisOpening(redis_url, self._keys)
        self._appending: RedisAppending | None = None
        self._places = Places(self._keys)
        self._files = FileRewriting()

    @property
    def place(self) -> str:
        return f"{describe(self.url)} {self._keys.prefix}"

    async def open(self, *, read_only: bool) -> None:
        await self._opening.open(read_only=read_only)

    async def close(self) -> None:
        self._appending = None
        await self._opening.close()

    async def _connected(self) -> RedisConnection:
        return await self._opening.connection()

    async def _found(self, saga_id: str) -> tuple[RedisConnection, Place | None]:
        """Return the connection, and where a saga is; None: there is no such saga."""
        connection = await self._connected()
        return connection, await self._places.find(connection, saga_id)

    # -- writing

    def expires_at(self, retention_until: int | None) -> int | None:
        return self._retention.expires_at(retention_until)

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        connection = await self._connected()
        if self._appending is None or self._appending.connection is not connection:
            self._appending = RedisAppending(connection, self._keys, self._bodies)
        outcomes = await self._appending.append(appends)
        for append in appends:
            self._places.remember(append.saga.saga_id, append.saga.root)
        return outcomes

    async def rewrap(self, saga_id: str, wrapped_key: bytes, *, expected: bytes) -> bool:
        connection, place = await self._found(saga_id)
        if place is None:
            return False
        return await rewrap_key(connection, self._keys, place, wrapped_key, expected)

    async def replace(
        self, saga: SagaRow, entries: Sequence[EntryRow], *, expected_head: int
    ) -> bool:
        if saga.head != expected_head:
            return False
        connection = await self._connected()
        try:
            return await replace_entries(connection, self._keys, self._bodies, saga, entries)
        finally:
            self._files = FileRewriting()

    async def hide(self, snapshot_id: str) -> bool:
        connection = await self._connected()
        place = await place_of_snapshot(connection, self._keys, snapshot_id)
        if place is None:
            return False
        return await hide_entry(connection, self._keys, place, snapshot_id)

    async def keep(self, root: str, held: bool) -> None:
        connection = await self._connected()
        await (keep_family if held else let_go)(connection, self._keys, root)

    async def delete(self, saga_ids: Sequence[str], *, scrub: bool = False) -> int:
        gone = 0
        try:
            for saga_id in saga_ids:
                connection, place = await self._found(saga_id)
                if place is not None:
                    gone += await delete_saga(connection, self._keys, place, scrub=scrub)
                    self._places.forget(saga_id)
        finally:
            if scrub:
                self._files = FileRewriting()
        return gone

    async def scrubbed(self) -> bool:
        return await self._files.go_on(await self._connected())

    async def clean(self, now: int, *, dry_run: bool = False) -> int:
        return await clear_away(await self._connected(), self._keys, now, dry_run=dry_run)

    # -- reading

    async def saga(self, saga_id: str) -> SagaRow | None:
        for _ in range(2):
            connection, place = await self._found(saga_id)
            if place is None:
                return None
            (found,) = await read_rows(connection, self._keys, [place])
            if found is not None:
                return found[0]
            # It may have been deleted, and begun again in another family.
            self._places.forget(saga_id)
        return None

    async def tags(self, saga_id: str) -> tuple[tuple[str, str], ...]:
        connection, place = await self._found(saga_id)
        if place is None:
            return ()
        (found,) = await read_rows(connection, self._keys, [place])
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
        return await read_expired(await self._connected(), self._keys, now)

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
        connection, place = await self._found(saga_id)
        if place is None:
            return []
        return await read_entries(
            connection,
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
        if snapshot_id is not None:
            place = await place_of_snapshot(connection, self._keys, snapshot_id)
            if place is None or saga_id not in (None, place.saga_id):
                return None
            seq = await read_number(connection, self._keys.saga(place), snapshot_id)
        elif saga_id is not None and at is not None:
            place = await self._places.find(connection, saga_id)
            if place is None:
                return None
            seq = await read_latest(connection, self._keys.saga(place), at)
        else:
            return None
        return None if seq is None else (place.saga_id, seq)

    async def touches(
        self, saga_id: str, *, key: str | None, lo: int, hi: int, limit: int | None = None
    ) -> list[TouchRow]:
        connection, place = await self._found(saga_id)
        if place is None:
            return []
        return await read_touches(connection, self._keys.saga(place), key, max(lo, 1), hi, limit)

    # -- the family's lease

    async def family(self, root: str) -> FamilyRow | None:
        return await read_family(await self._connected(), self._keys, root)

    async def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        return await acquire(
            await self._connected(), self._keys, root, owner, holder, term, expect_fence
        )

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        return await beat(await self._connected(), self._keys, root, fence, term)

    async def release(
        self, root: str, *, fence: int, recovered_by: str | None = None, undone: bool = False
    ) -> bool:
        return await release(
            await self._connected(), self._keys, root, fence, recovered_by, undone=undone
        )

    # -- documents

    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        changed = replace(record, version=expected_version + 1)
        ((stored,), _) = await self.exchange([changed])
        return stored

    async def get(self, kind: str, id: str) -> RecordRow | None:
        (_, (found,)) = await self.exchange([], [(kind, id)])
        return found

    async def exchange(
        self, records: Sequence[RecordRow], wanted: Sequence[tuple[str, str]] = ()
    ) -> tuple[list[bool], list[RecordRow | None]]:
        return await exchange(await self._connected(), self._keys, records, wanted)

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
        return await wait_for_change(await self._connected(), self._keys, cursor, timeout)

    async def info(self) -> StoreInfo:
        return await describe_store(await self._connected(), self._keys, SCHEMA)

    async def check(self) -> list[Finding]:
        connection = await self._connected()
        return [
            *await server_findings(connection),
            *await store_findings(connection, self._keys),
        ]


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
