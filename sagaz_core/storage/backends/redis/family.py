"""Reads a family's row from a Redis store, and takes, extends and gives back its lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from sagaz_core.storage.backends.redis.commands import ACQUIRE, BEAT, RELEASE
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, number_of, text_of
from sagaz_core.storage.backends.redis.rows import milliseconds
from sagaz_core.storage.backends.redis.watching import tell_change
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.times import now_micros

_FIELDS: Final = ("fence", "owner", "holder", "held", "acquired", "recovered_by")


async def read_family(connection: RedisConnection, keys: Keys, root: str) -> FamilyRow | None:
    """Return a family's row; None if no run ever held its lease."""
    names = keys.family(root)
    found, left = await connection.run(("HMGET", names.family, *_FIELDS), ("PTTL", names.alive))
    return None if found[0] is None else _row(root, found, left)


async def acquire(
    connection: RedisConnection,
    keys: Keys,
    root: str,
    owner: str,
    holder: str,
    term: int,
    fence: int,
) -> tuple[bool, FamilyRow]:
    """Take a lease that nobody alive holds, if the family's fence is this one."""
    names = keys.family(root)
    taken, _ = await connection.run(
        ACQUIRE.call(
            [names.family, names.alive], fence, owner, holder, milliseconds(term), uuid4().hex
        ),
        tell_change(keys),
    )
    row = await read_family(connection, keys, root)
    return bool(taken), row or _row(root, [None] * len(_FIELDS), -2)


async def beat(connection: RedisConnection, keys: Keys, root: str, fence: int, term: int) -> bool:
    """Extend a lease; False if it is no longer this fence's."""
    names = keys.family(root)
    (held,) = await connection.run(
        BEAT.call([names.family, names.alive], fence, milliseconds(term))
    )
    return bool(held)


async def release(
    connection: RedisConnection,
    keys: Keys,
    root: str,
    fence: int,
    recovered_by: str | None,
    *,
    undone: bool,
) -> bool:
    """Give a lease back; False if it is another's."""
    names = keys.family(root)
    released, _ = await connection.run(
        RELEASE.call([names.family, names.alive], fence, recovered_by or "", "1" if undone else ""),
        tell_change(keys),
    )
    return bool(released)


def _row(root: str, found: Sequence[bytes | None], left: int) -> FamilyRow:
    """Return a family's row from its hash and the milliseconds that its lease has left."""
    _, owner, holder, held, _, recovered_by = (
        None if value is None else text_of(value) for value in found
    )
    now = now_micros()
    # With no whole millisecond left the server still holds it, until that has passed.
    held_for = (left + 1) * 1000 if left >= 0 else 0
    return FamilyRow(
        root=root,
        fence=number_of(found[0] or b"0"),
        owner=owner or "",
        holder=holder or "",
        alive_until=None if held is None else now + held_for,
        acquired=number_of(found[4] or b"0"),
        recovered_by=recovered_by,
        now=now,
    )
