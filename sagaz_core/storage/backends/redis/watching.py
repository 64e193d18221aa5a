"""Tells those who watch a Redis store that something was written, and waits for that."""

from __future__ import annotations

import asyncio
from typing import Final

from sagaz_core.storage.backends.redis.commands import Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys

_KEPT: Final = 1000
_WAIT_AT_ONCE: Final = 1.0
_NUMBER_BITS: Final = 20
"""Of a cursor, for what was written within one millisecond."""


def tell_change(keys: Keys) -> Command:
    """Return the command that wakes whoever waits."""
    return ("XADD", keys.changes, "MAXLEN", "~", _KEPT, "*", "c", "")


async def wait_for_change(
    connection: RedisConnection, keys: Keys, cursor: int | None, timeout: float
) -> int:
    """Return when the store has changed since ``cursor``, as :meth:`Backend.wait` says."""
    if cursor is None:
        (latest,) = await connection.run(("XREVRANGE", keys.changes, "+", "-", "COUNT", 1))
        return _cursor(latest[0][0]) if latest else 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    after = f"{cursor >> _NUMBER_BITS}-{cursor & ((1 << _NUMBER_BITS) - 1)}"
    while (left := deadline - loop.time()) > 0:
        # In short pieces: a server that stands still is not noticed before one has passed.
        if await connection.wait_for(keys.changes, after, min(left, _WAIT_AT_ONCE)):
            return await wait_for_change(connection, keys, None, 0)
    return cursor


def _cursor(stream_id: bytes) -> int:
    milliseconds, _, number = stream_id.partition(b"-")
    return (int(milliseconds) << _NUMBER_BITS) + int(number)
