"""Answers questions about sagas from a Redis store's lists and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sagaz_core.model import Status
from sagaz_core.storage.backends.matching import matches, status_of
from sagaz_core.storage.backends.redis.commands import Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, Place, pack_place, text_of, unpack_place
from sagaz_core.storage.backends.redis.lists import ENDED
from sagaz_core.storage.backends.redis.rows import Tags, unpack_row, unpack_tags
from sagaz_core.storage.backends.rows import SagaPage, SagaQuery, SagaRow

_CHUNK: Final = 500
_FIRST_CHUNK: Final = 128
"""A page of the usual length takes no more, as a rule."""


async def read_rows(
    connection: RedisConnection, keys: Keys, places: Sequence[Place]
) -> list[tuple[SagaRow, Tags] | None]:
    """Return the rows of sagas, with what is their family's, and their tags; None: it is gone."""
    commands: list[Command] = []
    for place in places:
        family = keys.family(place.root)
        commands += [
            ("HMGET", keys.saga(place).row, "row", "tags", "key"),
            ("HMGET", family.family, "holder", "recovered_by"),
            ("PTTL", family.alive),
        ]
    replies = await connection.run(*commands) if commands else []
    rows: list[tuple[SagaRow, Tags] | None] = []
    for number in range(0, len(replies), 3):
        (packed, tags, key), (holder, recovered_by), left = replies[number : number + 3]
        if packed is None:
            rows.append(None)
            continue
        row = unpack_row(packed)._replace(
            alive=left >= 0,
            holder=None if holder is None else text_of(holder),
            recovered_by=None if recovered_by is None else text_of(recovered_by),
            wrapped_key=key,
        )
        rows.append((row, unpack_tags(tags)))
    return rows


async def _read_ended(
    connection: RedisConnection, keys: Keys, places: Sequence[Place], *, recovered: bool
) -> list[tuple[SagaRow, Tags] | None]:
    """Return the same of sagas that have ended, with no more of their family than by whom it was
    recovered, and that only if asked for."""
    commands: list[Command] = []
    for place in places:
        commands.append(("HMGET", keys.saga(place).row, "row", "tags"))
        if recovered:
            commands.append(("HGET", keys.family(place.root).family, "recovered_by"))
    replies = await connection.run(*commands) if commands else []
    rows: list[tuple[SagaRow, Tags] | None] = []
    for number in range(0, len(replies), 2 if recovered else 1):
        packed, tags = replies[number]
        if packed is None:
            rows.append(None)
            continue
        row = unpack_row(packed)
        if recovered and replies[number + 1] is not None:
            row = row._replace(recovered_by=text_of(replies[number + 1]))
        rows.append((row, unpack_tags(tags)))
    return rows


async def read_page(
    connection: RedisConnection, keys: Keys, query: SagaQuery, cursor: str | None, limit: int
) -> SagaPage:
    """Return a page of sagas, the latest change first; ties by id."""
    before = None
    if cursor is not None:
        updated, _, saga_id = cursor.partition(":")
        before = (int(updated), saga_id)
    rows: dict[str, SagaRow] = {}
    for part in _Search(connection, keys, query, before).parts():
        taken = 0
        async for row in part:
            rows[row.saga_id] = row
            taken += 1
            if taken > limit:
                break
    ordered = sorted(rows.values(), key=_newest, reverse=True)
    last = ordered[limit - 1] if len(ordered) > limit > 0 else None
    return SagaPage(ordered[:limit], f"{last.updated}:{last.saga_id}" if last else None)


async def count(
    connection: RedisConnection,
    keys: Keys,
    query: SagaQuery,
    by: Literal["status", "error_group", "name"],
) -> dict[str, int]:
    """Count the sagas that match by a property; empty values are left out."""
    values: dict[str, str] = {}
    # In smaller pieces than a page is read: nobody waits for one, and others get their turn.
    for part in _Search(connection, keys, query, None, counted=True).parts():
        async for row in part:
            value = status_of(row) if by == "status" else getattr(row, by)
            if value:
                values[row.saga_id] = value
    return dict(Counter(values.values()))


async def count_ended(
    connection: RedisConnection, keys: Keys, status: Status, *, since: int, width: int, count: int
) -> list[int]:
    """Count the sagas in the list of a status, by time, without reading their rows."""
    begins = range(since, since + width * count, width)
    name = keys.ended(status)
    return await connection.run(*(("ZCOUNT", name, at, f"({at + width}") for at in begins))


async def read_expired(connection: RedisConnection, keys: Keys, now: int) -> list[str]:
    """Return the ids of the sagas that expire not after ``now``, of families at rest."""
    (members,) = await connection.run(("ZRANGEBYSCORE", keys.expiring, "-inf", now))
    found = await read_rows(connection, keys, [unpack_place(each) for each in members])
    return [
        row.saga_id
        for row, _ in filter(None, found)
        if row.expires is not None and row.expires <= now and not row.alive
    ]


@dataclass(frozen=True, slots=True)
class _Search:
    """One question: where its sagas may be, and which of them match."""

    connection: RedisConnection
    keys: Keys
    query: SagaQuery
    before: tuple[int, str] | None
    """Only rows after this one, in the order of the pages."""
    counted: bool = False
    """The rows are only counted."""

    def parts(self) -> Iterator[AsyncIterator[SagaRow]]:
        """Yield the matching rows of each place where there may be some, in order.

        A saga that has just ended may be in two of them.
        """
        if self.query.root is not None:
            yield self._of_family(self.query.root)
            return
        for status in ENDED:
            if not self.query.status or status in self.query.status:
                yield self._ended(status)
        yield self._going()

    async def _ended(self, status: Status) -> AsyncIterator[SagaRow]:
        query = self.query
        until = query.updated_until
        if self.before is not None:
            until = self.before[0] if until is None else min(until, self.before[0])
        top = "+inf" if until is None else until
        low = "-inf" if query.updated_since is None else query.updated_since
        name, read, size = self._shortest(status), 0, _FIRST_CHUNK
        while True:
            (found,) = await self.connection.run(
                ("ZREVRANGEBYSCORE", name, top, low, "LIMIT", read, size)
            )
            for row in await self._matching(found, ended=True):
                if row.status == status:
                    yield row
            read += len(found)
            if len(found) < size:
                return
            if not self.counted:
                size = _CHUNK

    def _shortest(self, status: Status) -> str:
        """Return the shortest list that holds all that match and ended so."""
        query, keys = self.query, self.keys
        if query.tags:
            return keys.ended_by(status, "tag", *query.tags[0])
        if query.error_group is not None:
            return keys.ended_by(status, "group", query.error_group)
        if query.name is not None and "*" not in query.name:
            return keys.ended_by(status, "name", query.name)
        return keys.ended(status)

    async def _going(self) -> AsyncIterator[SagaRow]:
        (found,) = await self.connection.run(("ZRANGE", self.keys.going, 0, -1))
        for row in await self._in_order(found):
            yield row

    async def _of_family(self, root: str) -> AsyncIterator[SagaRow]:
        (found,) = await self.connection.run(("SMEMBERS", self.keys.family(root).members))
        places = [pack_place(Place(text_of(member), root)) for member in found]
        for row in await self._in_order(places):
            yield row

    async def _in_order(self, members: Sequence[bytes]) -> list[SagaRow]:
        rows: list[SagaRow] = []
        for start in range(0, len(members), _CHUNK):
            rows += await self._matching(members[start : start + _CHUNK])
        return sorted(rows, key=_newest, reverse=True)

    async def _matching(self, members: Sequence[bytes], *, ended: bool = False) -> list[SagaRow]:
        """Return the rows that match, of the sagas that are still there."""
        query, before = self.query, self.before
        places = [
            place
            for place in map(unpack_place, members)
            if query.prefix is None or place.saga_id.startswith(query.prefix)
        ]
        if self.counted and ended:
            rows = await _read_ended(self.connection, self.keys, places, recovered=query.unsettled)
        else:
            rows = await read_rows(self.connection, self.keys, places)
        return [
            found[0]
            for found in rows
            if found is not None
            and matches(found[0], found[1], query)
            and (before is None or _newest(found[0]) < before)
        ]


def _newest(row: SagaRow) -> tuple[int, str]:
    return row.updated, row.saga_id
