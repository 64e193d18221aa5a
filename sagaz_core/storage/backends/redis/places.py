"""Finds where the sagas of a Redis store are: in the slot of which family."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import Keys, Place, text_of, unpack_place

_KNOWN: Final = 10_000


class Places:
    """The places of sagas, remembered for the latest that were asked for."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._roots: OrderedDict[str, str] = OrderedDict()

    async def find(self, connection: RedisConnection, saga_id: str) -> Place | None:
        """Return where a saga is, or was when it was asked for; None: there is no such saga."""
        root = self._roots.get(saga_id)
        if root is None:
            (found,) = await connection.run(("GET", self._keys.root_of(saga_id)))
            if found is None:
                return None
            root = text_of(found)
            self.remember(saga_id, root)
        return Place(saga_id, root)

    def remember(self, saga_id: str, root: str) -> None:
        """Take note of where a saga is."""
        self._roots[saga_id] = root
        if len(self._roots) > _KNOWN:
            self._roots.popitem(last=False)

    def forget(self, saga_id: str) -> None:
        """Ask anew where a saga is, the next time."""
        self._roots.pop(saga_id, None)


async def place_of_snapshot(
    connection: RedisConnection, keys: Keys, snapshot_id: str
) -> Place | None:
    """Return where the saga of a snapshot is; None: there is no such snapshot."""
    (member,) = await connection.run(("GET", keys.place_of(snapshot_id)))
    return None if member is None else unpack_place(member)
