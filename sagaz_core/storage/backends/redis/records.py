"""Stores the documents of a Redis store, and reads them in the order of their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import uuid4

from sagaz_core.storage.backends.redis.commands import PUT, Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, text_of
from sagaz_core.storage.backends.redis.rows import milliseconds, pack_record, unpack_record
from sagaz_core.storage.backends.redis.watching import tell_change
from sagaz_core.storage.backends.rows import RecordRow

_CHUNK: Final = 200

Place = tuple[int, str]
"""A document's time and id, by which documents are in order."""


async def exchange(
    connection: RedisConnection,
    keys: Keys,
    records: Sequence[RecordRow],
    wanted: Sequence[tuple[str, str]],
) -> tuple[list[bool], list[RecordRow | None]]:
    """Store documents and read others, as :meth:`Backend.exchange` says."""
    commands: list[Command] = []
    places = []
    for each in records:
        commands += _put(keys, each)
        places.append(len(commands) - 1)
    changed = [tell_change(keys)] if records else []
    replies = await connection.run(
        *commands, *(_read_one(keys, *place) for place in wanted), *changed
    )
    found = replies[len(commands) : len(commands) + len(wanted)]
    return (
        [bool(replies[place]) for place in places],
        [None if each[0] is None else unpack_record(*each) for each in found],
    )


def _put(keys: Keys, record: RecordRow) -> Iterator[Command]:
    """Yield what stores a document; the last tells whether it was."""
    yield ("ZADD", keys.records(record.kind), record.at, record.id)
    if record.saga is not None:
        member = f"{record.kind}\0{record.id}"
        yield ("ZADD", keys.records_of(record.saga), record.at, member)
    yield PUT.call(
        [keys.record(record.kind, record.id)],
        record.version - 1,
        pack_record(record),
        milliseconds(record.expires),
        uuid4().hex,
    )


def _read_one(keys: Keys, kind: str, id: str) -> Command:
    """Return the command whose reply :func:`unpack_record` takes."""
    return ("HMGET", keys.record(kind, id), "version", "record")


async def scan_records(
    connection: RedisConnection,
    keys: Keys,
    kind: str,
    *,
    saga: str | None,
    before: Place | None,
    limit: int | None,
) -> list[RecordRow]:
    """Return documents of a kind, newest first, as :meth:`Backend.scan` says."""
    if saga is None and limit is not None:
        page = await _page(connection, keys, kind, before, limit)
        if page is not None:
            return page
    records = [
        record
        for record in await _read(connection, keys, kind, await _ids(connection, keys, kind, saga))
        # One that was since put down to another saga still stands in this one's list.
        if saga in (None, record.saga) and (before is None or _place(record) < before)
    ]
    # Nor do the lists tell the time of one that somebody failed to replace.
    records.sort(key=_place, reverse=True)
    return records if limit is None else records[:limit]


async def _ids(connection: RedisConnection, keys: Keys, kind: str, saga: str | None) -> list[str]:
    name = keys.records(kind) if saga is None else keys.records_of(saga)
    (members,) = await connection.run(("ZREVRANGE", name, 0, -1))
    names = [text_of(member) for member in members]
    if saga is None:
        return names
    pairs = [name.partition("\0") for name in names]
    return [id for of_kind, _, id in pairs if of_kind == kind]


async def _read(
    connection: RedisConnection, keys: Keys, kind: str, ids: list[str]
) -> list[RecordRow]:
    found = await connection.run(*(_read_one(keys, kind, id) for id in ids)) if ids else []
    return [unpack_record(*each) for each in found if each[0] is not None]


async def _page(
    connection: RedisConnection, keys: Keys, kind: str, before: Place | None, limit: int
) -> list[RecordRow] | None:
    """Read no more than a page of all; None: the list has a wrong time of one of it."""
    name, top = keys.records(kind), "+inf" if before is None else before[0]
    page: dict[str, RecordRow] = {}
    read = 0
    while len(page) < limit:
        (members,) = await connection.run(
            ("ZREVRANGEBYSCORE", name, top, "-inf", "LIMIT", read, _CHUNK)
        )
        if not members:
            break
        read += len(members)
        (scores,) = await connection.run(("ZMSCORE", name, *members))
        listed = {
            text_of(member): int(float(score))
            for member, score in zip(members, scores, strict=True)
            if score is not None
        }
        for record in await _read(connection, keys, kind, list(listed)):
            if record.at != listed[record.id]:
                return None
            if before is None or _place(record) < before:
                page[record.id] = record
    return list(page.values())[:limit]


def _place(record: RecordRow) -> Place:
    return record.at, record.id
