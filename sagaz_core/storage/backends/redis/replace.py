"""Puts another wrapped key in place of a saga's, or other bytes in place of all that it holds.

Such bytes are staged beside it in pieces, under names of their own in the same slot, which lapse by
themselves; one short script then switches to them, however many there are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import uuid4

from sagaz_core.storage.backends.matching import is_same_saga
from sagaz_core.storage.backends.redis.commands import REPLACE, REWRAP, Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, Place, SagaKeys
from sagaz_core.storage.backends.redis.query import read_rows
from sagaz_core.storage.backends.redis.rows import (
    BodyPacker,
    pack_entry,
    pack_row,
    unpack_entry,
)
from sagaz_core.storage.backends.redis.watching import tell_change
from sagaz_core.storage.backends.rows import EntryRow, SagaRow

_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 1 << 20
_LAPSES_AFTER: Final = 600_000
"""Milliseconds for which what was staged last is kept."""


async def rewrap_key(
    connection: RedisConnection,
    keys: Keys,
    place: Place,
    wrapped_key: bytes,
    expected: bytes,
) -> bool:
    """Put a wrapped key in place of the expected one; whether it is there now."""
    done, _ = await connection.run(
        REWRAP.call([keys.saga(place).row], wrapped_key, expected), tell_change(keys)
    )
    return bool(done)


async def replace_entries(
    connection: RedisConnection,
    keys: Keys,
    bodies: BodyPacker,
    saga: SagaRow,
    entries: Sequence[EntryRow],
) -> bool:
    """Put other bytes in place of a saga's, if it is as it was read and at rest."""
    place = Place(saga.saga_id, saga.root)
    (found,) = await read_rows(connection, keys, [place])
    if found is None or found[0].alive or not is_same_saga(found[0], saga):
        return False
    of_saga, token = keys.saga(place), uuid4().hex
    staged = of_saga.staged(token)
    async for commands in _pieces(connection, of_saga, bodies, entries, staged):
        await connection.run(*commands, *(("PEXPIRE", name, _LAPSES_AFTER) for name in staged))
    replaced, _ = await connection.run(
        REPLACE.call(
            [keys.family(saga.root).alive, *of_saga[:3], *staged],
            pack_row(found[0]),
            pack_row(saga),
            saga.wrapped_key or b"",
            saga.head,
            token,
        ),
        tell_change(keys),
    )
    if not replaced:
        await connection.run(("UNLINK", *staged))
    return bool(replaced)


async def _pieces(
    connection: RedisConnection,
    keys: SagaKeys,
    bodies: BodyPacker,
    entries: Sequence[EntryRow],
    staged: tuple[str, str],
) -> AsyncIterator[list[Command]]:
    """Yield what stages the entries, about :data:`_BYTES_AT_ONCE` at a time."""
    commands: list[Command] = []
    size = 0
    for start in range(0, len(entries), _AT_ONCE):
        new = entries[start : start + _AT_ONCE]
        (stored,) = await connection.run(("XRANGE", keys.entries, new[0].seq, new[-1].seq))
        for entry, (stream_id, fields) in zip(new, stored, strict=True):
            old, touches = unpack_entry(stream_id, fields[b"e"])
            changed = old._replace(keyframe=entry.keyframe, meta=entry.meta, mac=entry.mac)
            body = bodies.pack(entry.body or b"")
            commands += [
                ("XADD", staged[0], stream_id, "e", pack_entry(changed, touches)),
                ("HSET", staged[1], entry.seq, body),
            ]
            size += len(body)
            if size > _BYTES_AT_ONCE or len(commands) >= 2 * _AT_ONCE:
                yield commands
                commands, size = [], 0
    if commands:
        yield commands
