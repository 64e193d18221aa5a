"""Keeps the lists by which the sagas of a Redis store are found.

Sagas that have ended stand in a list for each status, and in one for each name, error group and
tag beside it, by their latest change; those that go on, of which there are few, in one list,
unordered. The lists are written around the sagas' own slots, so that they may name a saga that
is gone or has changed since: whoever reads them asks its row, and skips it then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sagaz_core.model import Status
from sagaz_core.storage.backends.redis.commands import Command
from sagaz_core.storage.backends.redis.keys import Keys, Place, pack_place
from sagaz_core.storage.backends.redis.rows import Tags
from sagaz_core.storage.backends.rows import SagaRow

ENDED: Final[tuple[Status, ...]] = ("completed", "failed")


def facets(keys: Keys, row: SagaRow, tags: Tags) -> list[str]:
    """Return the lists in which a saga that has ended stands."""
    lists = [keys.ended(row.status), keys.ended_by(row.status, "name", row.name)]
    if row.error_group is not None:
        lists.append(keys.ended_by(row.status, "group", row.error_group))
    return lists + [keys.ended_by(row.status, "tag", *tag) for tag in tags]


def enlist(keys: Keys, row: SagaRow, tags: Tags) -> Iterator[Command]:
    """Yield the commands that put a saga where it is looked for."""
    member = pack_place(Place(row.saga_id, row.root))
    if row.expires is not None:
        # What is refused after all must not make it later.
        yield ("ZADD", keys.expiring, "LT", row.expires, member)
    if row.status not in ENDED:
        yield ("ZADD", keys.going, row.started, member)
        return
    for name in facets(keys, row, tags):
        yield ("ZADD", name, row.updated, member)
    yield ("ZREM", keys.going, member)
    for status in ENDED:
        if status != row.status:
            for name in facets(keys, row._replace(status=status), tags):
                yield ("ZREM", name, member)


def strike(keys: Keys, row: SagaRow, tags: Tags) -> Iterator[Command]:
    """Yield the commands that take a saga off all lists."""
    member = pack_place(Place(row.saga_id, row.root))
    yield ("ZREM", keys.going, member)
    yield ("ZREM", keys.expiring, member)
    for status in ENDED:
        for name in facets(keys, row._replace(status=status), tags):
            yield ("ZREM", name, member)
