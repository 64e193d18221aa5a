"""Reads a saga's entries and touches from its stream, its bodies and its sorted set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import SagaKeys, number_of
from sagaz_core.storage.backends.redis.rows import (
    seq_and_at,
    touch_bound,
    unpack_body,
    unpack_entry,
    unpack_touch,
)
from sagaz_core.storage.backends.rows import EntryRow, TouchRow

_CHUNK: Final = 1000
_PROBES: Final = 15
"""A search by time asks this many places at once, and so halves its range four times."""

_LAST: Final = (1 << 63) - 1


async def read_entries(
    connection: RedisConnection,
    keys: SagaKeys,
    lo: int,
    hi: int,
    *,
    reverse: bool,
    limit: int | None,
    bodies: bool,
    hidden: bool,
) -> list[EntryRow]:
    """Return entries with ``lo <= seq <= hi`` in order; hidden ones only if asked for."""
    found: list[EntryRow] = []
    while lo <= hi and (limit is None or len(found) < limit):
        size = _CHUNK if limit is None else min(_CHUNK, limit - len(found))
        entries, hidden_ones, stored = await _read_chunk(
            connection, keys, lo, hi, size, reverse=reverse, bodies=bodies
        )
        for entry in entries:
            is_hidden = entry.seq in hidden_ones
            if hidden or not is_hidden:
                body = unpack_body(stored[entry.seq]) if entry.seq in stored else None
                found.append(entry._replace(hidden=is_hidden, body=body))
        if len(entries) < size:
            break
        if reverse:
            hi = entries[-1].seq - 1
        else:
            lo = entries[-1].seq + 1
    return found


async def _read_chunk(
    connection: RedisConnection,
    keys: SagaKeys,
    lo: int,
    hi: int,
    size: int,
    *,
    reverse: bool,
    bodies: bool,
) -> tuple[list[EntryRow], set[int], dict[int, bytes]]:
    """Return up to ``size`` entries, the numbers of hidden ones, and bodies by number."""
    hi = min(hi, _LAST)
    part = ("XREVRANGE", keys.entries, hi, lo) if reverse else ("XRANGE", keys.entries, lo, hi)
    commands = [(*part, "COUNT", size), ("SMEMBERS", keys.hidden)]
    # Numbers have no gaps: where they are known beforehand, the bodies come in the same trip.
    numbers = list(range(lo, hi + 1)) if bodies and hi - lo < size else []
    if numbers:
        commands.append(("HMGET", keys.bodies, *numbers))
    stream, hidden, *rest = await connection.run(*commands)
    entries = [unpack_entry(id, fields[b"e"])[0] for id, fields in stream]
    if bodies and entries and not numbers:
        numbers = [entry.seq for entry in entries]
        rest = await connection.run(("HMGET", keys.bodies, *numbers))
    stored = zip(numbers, rest[0] if rest else (), strict=True)
    return (
        entries,
        {number_of(number) for number in hidden},
        {number: body for number, body in stored if body is not None},
    )


async def read_latest(connection: RedisConnection, keys: SagaKeys, at: int) -> int | None:
    """Return the number of the latest entry not after a time that is not hidden.

    A saga's times never go back, so it is searched for.
    """
    head, hidden = await connection.run(("HGET", keys.row, "head"), ("SMEMBERS", keys.hidden))
    lo, hi = 0, number_of(head or b"0")
    while lo < hi:
        step = max(1, (hi - lo) // (_PROBES + 1))
        probes = [*range(lo + step, hi, step)[:_PROBES], hi]
        replies = await connection.run(
            *(("XRANGE", keys.entries, probe, probe, "COUNT", 1) for probe in probes)
        )
        if not all(replies):
            missing = probes[replies.index([])]
            raise CorruptEntryError(f"checkpoint {missing} is gone from the store")
        times = {
            probe: seq_and_at(reply[0][0])[1] for probe, reply in zip(probes, replies, strict=True)
        }
        lo = max((probe for probe in probes if times[probe] <= at), default=lo)
        hi = min((probe - 1 for probe in probes if times[probe] > at), default=hi)
    gone = {number_of(number) for number in hidden}
    while lo in gone:
        lo -= 1
    return lo or None


async def read_number(connection: RedisConnection, keys: SagaKeys, snapshot_id: str) -> int | None:
    """Return the number of a snapshot's entry; None: it is hidden, or not this saga's."""
    number, hidden = await connection.run(
        ("HGET", keys.ids, snapshot_id), ("SMEMBERS", keys.hidden)
    )
    return None if number is None or number in hidden else number_of(number)


async def read_touches(
    connection: RedisConnection,
    keys: SagaKeys,
    key: str | None,
    lo: int,
    hi: int,
    limit: int | None,
) -> list[TouchRow]:
    """Return touches with ``lo <= seq <= hi``, newest first, of one key or of all."""
    if key is None:
        found: list[TouchRow] = []
        async for touches in _all_touches(connection, keys, lo, hi):
            found += touches
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found
    top = "(" + touch_bound(key, min(hi, _LAST) + 1)
    low = "[" + touch_bound(key, lo)
    page = () if limit is None else ("LIMIT", 0, limit)
    (members,) = await connection.run(("ZREVRANGEBYLEX", keys.touches, top, low, *page))
    return [unpack_touch(key, member) for member in members]


async def _all_touches(
    connection: RedisConnection, keys: SagaKeys, lo: int, hi: int
) -> AsyncIterator[list[TouchRow]]:
    """Yield the touches of each entry, newest first, those of one entry in order of their keys."""
    hi = min(hi, _LAST)
    while lo <= hi:
        (stream,) = await connection.run(("XREVRANGE", keys.entries, hi, lo, "COUNT", _CHUNK))
        for id, fields in stream:
            entry, touches = unpack_entry(id, fields[b"e"])
            yield sorted(touches, key=lambda touch: touch.key)
            hi = entry.seq - 1
        if len(stream) < _CHUNK:
            return
