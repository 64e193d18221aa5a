"""What a Redis store says of itself and its server, and what it clears away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Any, Final
from urllib.parse import unquote

from sagaz_core.storage.backends.redis.address import describe
from sagaz_core.storage.backends.redis.commands import Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, text_of, unpack_place
from sagaz_core.storage.backends.redis.lists import ENDED, enlist
from sagaz_core.storage.backends.redis.query import read_rows
from sagaz_core.storage.backends.redis.rows import Tags, unpack_record
from sagaz_core.storage.backends.rows import Finding, SagaRow, StoreInfo
from sagaz_core.storage.times import now_micros

_CHUNK: Final = 500
_HOUR: Final = 3_600_000_000


async def server_findings(connection: RedisConnection) -> list[Finding]:
    """Return what is to be known of how the server keeps data; only what this user may ask."""
    memory = _info(await connection.ask("INFO", "memory"))
    persistence = _info(await connection.ask("INFO", "persistence"))
    if not memory or not persistence:
        return [
            Finding(
                "warning",
                "this user may not ask how the server keeps its data",
                "run `sagaz doctor` as a user who may run INFO",
            )
        ]
    return [_eviction(memory), await _durability(connection, persistence)]


def _eviction(memory: dict[str, Any]) -> Finding:
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction" or not int(memory.get("maxmemory", 0)):
        return Finding("ok", "the server drops nothing when its memory is full")
    return Finding(
        "warning",
        f"the server may drop recorded sagas when its memory is full (maxmemory-policy {policy})",
        "set maxmemory-policy to noeviction",
    )


async def _durability(connection: RedisConnection, persistence: dict[str, Any]) -> Finding:
    if not int(persistence.get("aof_enabled", 0)):
        return Finding(
            "warning",
            "the server keeps no append-only file: a checkpoint can be lost with its process",
            "set appendonly to yes",
        )
    setting = await connection.ask("CONFIG GET", "appendfsync")
    fsync = pairs(setting).get("appendfsync", "everysec")
    if fsync == "always":
        return Finding("ok", "a checkpoint is on the server's disk before it is acknowledged")
    return Finding(
        "ok",
        "a checkpoint survives the server's crash; the machine's may cost the last second "
        f"(appendfsync {fsync})",
        "set appendfsync to always to lose nothing even then",
    )


async def store_findings(connection: RedisConnection, keys: Keys) -> list[Finding]:
    """Return what the lists name and no longer is; they are skipped, and `prune` clears them."""
    now = now_micros()
    stale = [command async for command in _stale(connection, keys, now)]
    if not stale:
        return [Finding("ok", "the lists name no saga that is not there")]
    return [
        Finding(
            "ok",
            f"{len(stale)} places in the lists are left over from sagas that are gone",
            "run `sagaz prune` to clear them away",
        )
    ]


async def clear_away(connection: RedisConnection, keys: Keys, now: int, *, dry_run: bool) -> int:
    """Clear the lists of what is no longer there; returns how many places were left over."""
    stale = [command async for command in _stale(connection, keys, now)]
    if not dry_run:
        for start in range(0, len(stale), _CHUNK):
            await connection.run(*chain.from_iterable(stale[start : start + _CHUNK]))
    return len(stale)


async def _stale(connection: RedisConnection, keys: Keys, now: int) -> AsyncIterator[list[Command]]:
    """Yield, for each thing that is left over, the commands that put it right.

    A saga is entered among those that go on just before it is there, and so is a document, so
    that what began within the hour is left in peace.
    """
    top = now - _HOUR
    (going,) = await connection.run(("ZRANGEBYSCORE", keys.going, "-inf", top))
    for member, found in await _rows(connection, keys, going):
        if found is None:
            yield [("ZREM", keys.going, member)]
        elif found[0].status in ENDED:
            yield list(enlist(keys, *found))
    for name in await connection.scan(f"{_literal(keys.prefix)}ended:*"):
        status = name.decode().removeprefix(f"{keys.prefix}ended:").partition(":")[0]
        (members,) = await connection.run(("ZRANGE", name, 0, -1))
        for member, found in await _rows(connection, keys, members):
            if found is None or found[0].status != status:
                yield [("ZREM", name, member)]
    (members,) = await connection.run(("ZRANGE", keys.expiring, 0, -1))
    for member, found in await _rows(connection, keys, members):
        if found is None or found[0].expires is None:
            yield [("ZREM", keys.expiring, member)]
    for name in await connection.scan(f"{_literal(keys.prefix)}records:*"):
        kind = unquote(name.decode().removeprefix(f"{keys.prefix}records:"))
        (ids,) = await connection.run(("ZRANGEBYSCORE", name, "-inf", top))
        for id in ids:
            key = keys.record(kind, text_of(id))
            ((version, packed),) = await connection.run(("HMGET", key, "version", "record"))
            record = None if packed is None else unpack_record(version, packed)
            if record is None or (record.expires is not None and record.expires <= now):
                of_saga = keys.records_of((record and record.saga) or "")
                pair = f"{kind}\0{text_of(id)}"
                yield [("DEL", key), ("ZREM", name, id), ("ZREM", of_saga, pair)]
    for name in await connection.scan(f"{_literal(keys.prefix)}records-of:*"):
        (pairs,) = await connection.run(("ZRANGEBYSCORE", name, "-inf", top))
        for pair in pairs:
            (there,) = await connection.run(
                ("EXISTS", keys.record(*text_of(pair).partition("\0")[::2]))
            )
            if not there:
                yield [("ZREM", name, pair)]


async def _rows(
    connection: RedisConnection, keys: Keys, members: Sequence[bytes]
) -> list[tuple[bytes, tuple[SagaRow, Tags] | None]]:
    found = []
    for start in range(0, len(members), _CHUNK):
        chunk = members[start : start + _CHUNK]
        rows = await read_rows(connection, keys, [unpack_place(member) for member in chunk])
        found += list(zip(chunk, rows, strict=True))
    return found


async def describe_store(connection: RedisConnection, keys: Keys, schema: int) -> StoreInfo:
    """Describe a store; its bytes are those of the whole server, where this user may ask."""
    lists = [keys.going, *(keys.ended(status) for status in ENDED)]
    places: dict[bytes, None] = {}
    for members in await connection.run(*(("ZRANGE", name, 0, -1) for name in lists)):
        places |= dict.fromkeys(members)
    rows = [found[0] for _, found in await _rows(connection, keys, list(places)) if found]
    server = _info(await connection.ask("INFO", "server"))
    memory = _info(await connection.ask("INFO", "memory"))
    kind = "Valkey" if "valkey_version" in server else "Redis"
    version = server.get("valkey_version") or server.get("redis_version") or ""
    return StoreInfo(
        description=f"{kind} {version}, {describe(connection.url)}".replace(" ,", ","),
        sagas=len(rows),
        entries=sum(row.head for row in rows),
        bytes=int(memory.get("used_memory", 0)),
        schema=schema,
        details={"key_prefix": keys.prefix},
    )


def _info(reply: Any) -> dict[str, Any]:
    """Return a section of INFO as names and values; empty if it could not be asked."""
    if isinstance(reply, dict):
        return reply
    text = reply.decode() if isinstance(reply, bytes) else ""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def pairs(reply: Any) -> dict[str, str]:
    """Return the answer to CONFIG GET; empty if it could not be asked."""
    pairs = reply if isinstance(reply, dict) else dict(zip(*[iter(reply or [])] * 2, strict=True))
    return {_text(name): _text(value) for name, value in pairs.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _literal(prefix: str) -> str:
    """Return a pattern that matches only this text."""
    return "".join(f"\\{char}" if char in "*?[]\\^" else char for char in prefix)
