"""Hides an entry of a Redis store, and removes a saga with all that belongs to it."""

from __future__ import annotations

from typing import Final

from sagaz_core.storage.backends.redis.commands import DELETE, HIDE, Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, Place
from sagaz_core.storage.backends.redis.lists import strike
from sagaz_core.storage.backends.redis.query import read_rows
from sagaz_core.storage.backends.redis.rows import unpack_record
from sagaz_core.storage.backends.redis.watching import tell_change

_AT_ONCE: Final = 5000


async def hide_entry(
    connection: RedisConnection, keys: Keys, place: Place, snapshot_id: str
) -> bool:
    """Hide an entry; whether it was there and not hidden yet."""
    of_saga = keys.saga(place)
    done, _ = await connection.run(
        HIDE.call([of_saga.row, of_saga.ids, of_saga.hidden], snapshot_id), tell_change(keys)
    )
    return bool(done)


async def delete_saga(connection: RedisConnection, keys: Keys, place: Place, *, scrub: bool) -> int:
    """Remove a saga, and with ``scrub`` the documents that would stay; how many entries went."""
    of_saga = keys.saga(place)
    (snapshot_ids,) = await connection.run(("HKEYS", of_saga.ids))
    (found,) = await read_rows(connection, keys, [place])
    # First the saga itself: pointers and lists without it are skipped, and it without them
    # would not be found any more.
    (gone,) = await connection.run(DELETE.call([*keys.family(place.root), *of_saga], place.saga_id))
    commands: list[Command] = [("DEL", keys.root_of(place.saga_id))]
    commands += [("DEL", keys.place_of(each.decode())) for each in snapshot_ids]
    commands += await _documents_gone(connection, keys, place.saga_id, scrub)
    if found is not None:
        commands += strike(keys, *found)
    commands.append(tell_change(keys))
    for start in range(0, len(commands), _AT_ONCE):
        await connection.run(*commands[start : start + _AT_ONCE])
    return int(gone)


async def _documents_gone(
    connection: RedisConnection, keys: Keys, saga_id: str, scrub: bool
) -> list[Command]:
    """Return what removes a saga's documents, those with a time of their own if ``scrub``."""
    of_saga = keys.records_of(saga_id)
    (members,) = await connection.run(("ZRANGE", of_saga, 0, -1))
    pairs = [member.decode().split("\0") for member in members]
    names = [keys.record(kind, id) for kind, id in pairs]
    read = [("HMGET", name, "version", "record") for name in names]
    found = await connection.run(*read) if read else []
    commands: list[Command] = []
    for (kind, id), member, name, (version, packed) in zip(
        pairs, members, names, found, strict=True
    ):
        record = None if packed is None else unpack_record(version, packed)
        # The list may name one that is another saga's by now, or never became this one's.
        if record is None or record.saga != saga_id:
            commands.append(("ZREM", of_saga, member))
        elif scrub or record.expires is None:
            commands += [("DEL", name), ("ZREM", keys.records(kind), id)]
            commands.append(("ZREM", of_saga, member))
    return commands
