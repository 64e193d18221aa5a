"""Has a Redis server keep a family for as long as it is held, and let go of it again.

Its rows tell when it would expire; a mark on the family tells whoever appends that it must not.
"""

from __future__ import annotations

from typing import Final

from sagaz_core.storage.backends.redis.commands import UNKEEP, Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, Place
from sagaz_core.storage.backends.redis.query import read_rows
from sagaz_core.storage.backends.redis.rows import milliseconds, pointer_expiry
from sagaz_core.storage.backends.rows import SagaRow

_AT_ONCE: Final = 1000


async def keep_family(connection: RedisConnection, keys: Keys, root: str) -> None:
    """Have nothing of a family expire."""
    family = keys.family(root)
    # First the mark: what is appended from now on stays by itself.
    await connection.run(
        ("HSET", family.family, "kept", "1"),
        ("PERSIST", family.family),
        ("PERSIST", family.members),
    )
    for row in await _members(connection, keys, root):
        saga = keys.saga(Place(row.saga_id, root))
        names = [*saga, *await _pointers(connection, keys, row)]
        await _all(connection, [("PERSIST", name) for name in names])


async def let_go(connection: RedisConnection, keys: Keys, root: str) -> None:
    """Have a family expire as its rows ask for."""
    family = keys.family(root)
    await connection.run(("HDEL", family.family, "kept"))
    for row in await _members(connection, keys, root):
        if row.expires is None:
            continue
        names = await _pointers(connection, keys, row)
        saga = keys.saga(Place(row.saga_id, root))
        await connection.run(
            UNKEEP.call([family.family, family.members, *saga], row.head, milliseconds(row.expires))
        )
        _, until = pointer_expiry(row)
        await _all(connection, [("PEXPIREAT", name, until) for name in names])


async def _members(connection: RedisConnection, keys: Keys, root: str) -> list[SagaRow]:
    (ids,) = await connection.run(("SMEMBERS", keys.family(root).members))
    found = await read_rows(connection, keys, [Place(each.decode(), root) for each in ids])
    return [each[0] for each in found if each is not None]


async def _pointers(connection: RedisConnection, keys: Keys, row: SagaRow) -> list[str]:
    """Return the names of what a saga and its checkpoints are found by."""
    (ids,) = await connection.run(("HKEYS", keys.saga(Place(row.saga_id, row.root)).ids))
    return [keys.root_of(row.saga_id), *(keys.place_of(each.decode()) for each in ids)]


async def _all(connection: RedisConnection, commands: list[Command]) -> None:
    for start in range(0, len(commands), _AT_ONCE):
        await connection.run(*commands[start : start + _AT_ONCE])
