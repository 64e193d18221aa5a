"""Copies what a store keeps beside its sagas: its own keys, and which families were forgotten."""

from __future__ import annotations

from dataclasses import replace

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.store_secrets import read_store_secrets, write_store_secrets
from sagaz_core.storage.tombstones import TOMBSTONE, tombstone_in


async def copy_store_secrets(source: Backend, target: Backend) -> bool:
    """Copy the store's own keys, wrapped as they are, to a target that has none.

    Returns whether the audit trails that are copied can be verified there with the same keys.
    """
    ours, _ = await read_store_secrets(source)
    if ours is None:
        return True
    if await write_store_secrets(target, ours, 0):
        return True
    theirs, version = await read_store_secrets(target)
    if theirs is None or theirs.salt != ours.salt:
        return not ours.audit_key
    if ours.wrapped and not theirs.wrapped:
        # The source encrypts since the last copy.
        await write_store_secrets(target, ours, version)
    return True


async def copy_tombstones(source: Backend, target: Backend) -> tuple[int, list[tuple[str, str]]]:
    """Tell the target which families were forgotten.

    Returns of how many it did not know, and those of which it still has sagas, with what to do.
    """
    count = 0
    conflicts: list[tuple[str, str]] = []
    for record in await source.scan(TOMBSTONE):
        stone = tombstone_in(record)
        there = await target.sagas(SagaQuery(root=record.id), cursor=None, limit=1)
        here = await source.sagas(SagaQuery(root=record.id), cursor=None, limit=1)
        if there.rows and not here.rows:
            when = f"{stone.at:%Y-%m-%d}"
            conflicts.append(
                (record.id, f"it was forgotten at the source on {when}; forget it there as well")
            )
        elif not there.rows and await target.get(TOMBSTONE, record.id) is None:
            count += await target.put(replace(record, version=1), expected_version=0)
    return count, conflicts
