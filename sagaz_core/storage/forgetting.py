"""Erasing a family without a trace but a tombstone that says that it was erased."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import ormsgpack

from sagaz_core.errors import CorruptEntryError, NotAllowedError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow, SagaQuery, SagaRow
from sagaz_core.storage.batch_log import BATCH_LOG, without_sagas
from sagaz_core.storage.holding import refuse_held
from sagaz_core.storage.replay_ids import LONGEST_ROOT, stem
from sagaz_core.storage.times import from_micros, now_micros
from sagaz_core.storage.walking import every_saga

TOMBSTONE: Final = "tombstone"
"""The kind of the documents that stand in the place of a family."""

_ATTEMPTS: Final = 10
_BETWEEN_LOOKS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A family that was erased. It says nothing of what was in it."""

    root_id: str
    at: datetime
    by: str
    sagas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReport:
    """What was erased."""

    families: tuple[str, ...]
    """By their root sagas."""
    sagas: int
    checkpoints: int
    done: bool
    """False: pending. What was erased is gone from the store, but its bytes may still be in its
    files: because somebody reads an older state of it, or a server has not rewritten its files."""


async def forget(
    backend: Backend, roots: Sequence[str], *, by: str, patience: float = 0
) -> ForgetReport:
    """Erase families: their keys, rows, logs and journals.

    Args:
        backend: where.
        roots: the root sagas of the families. One that was erased before may be named again, to
            learn whether it is done by now.
        by: who does it, for the tombstone.
        patience: seconds for which a server that writes its files anew is waited for.

    Raises:
        NotAllowedError: a family is held, or a run of it is alive; nothing was erased.
    """
    families = {root: await _members(backend, root) for root in roots}
    for root, members in families.items():
        await _check(backend, root, members)
    sagas = checkpoints = 0
    for root, members in families.items():
        if not members:
            continue
        # First of all: a family of which less is left is still known to have been erased.
        await _put_up(backend, root, by=by, sagas=len(members))
        ids = [row.saga_id for row in members]
        await _leave_out_of_batches(backend, ids)
        checkpoints += await backend.delete(ids, scrub=True)
        sagas += len(ids)
    return ForgetReport(
        families=tuple(roots),
        sagas=sagas,
        checkpoints=checkpoints,
        done=await _scrub(backend, patience),
    )


async def find_tombstone(backend: Backend, root: str) -> Tombstone | None:
    """Return what stands in the place of a family that was erased, or None."""
    record = await backend.get(TOMBSTONE, root)
    return None if record is None else tombstone_in(record)


async def tombstone_of(backend: Backend, saga_id: str) -> Tombstone | None:
    """Return what stands in the place of the family that a saga belonged to, or None."""
    begin = saga_id.rpartition("~")[0]
    for root in filter(None, (saga_id, begin)):
        stone = await find_tombstone(backend, root)
        if stone is not None:
            return stone
    if len(begin) < LONGEST_ROOT:
        return None
    # A replay of a root with a long id, which cannot be told from what is left of it.
    stones = map(tombstone_in, await backend.scan(TOMBSTONE))
    return next((stone for stone in stones if stem(stone.root_id) == begin), None)


def tombstone_in(record: RecordRow) -> Tombstone:
    """Return the tombstone that a document holds; raises CorruptEntryError."""
    try:
        at, by, sagas = ormsgpack.unpackb(record.body)
        return Tombstone(root_id=record.id, at=from_micros(at), by=by, sagas=sagas)
    except (ValueError, TypeError) as error:
        raise CorruptEntryError(
            f"the tombstone of {record.id!r} cannot be decoded: {error}"
        ) from error


async def _members(backend: Backend, root: str) -> list[SagaRow]:
    return [row async for row in every_saga(backend, SagaQuery(root=root))]


async def _check(backend: Backend, root: str, members: Sequence[SagaRow]) -> None:
    await refuse_held(backend, root)
    alive = next((row for row in members if row.alive), None)
    if alive is not None:
        raise NotAllowedError(
            f"{alive.holder or alive.saga_id} of the family {root!r} is running; forget it when "
            "that has ended"
        )


async def _scrub(backend: Backend, patience: float) -> bool:
    deadline = asyncio.get_running_loop().time() + patience
    while not (done := await backend.scrubbed()):
        # Nobody knows how long somebody goes on reading.
        if not backend.scrubs_by_itself or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(_BETWEEN_LOOKS)
    return done


async def _put_up(backend: Backend, root: str, *, by: str, sagas: int) -> None:
    for _ in range(_ATTEMPTS):
        earlier = await backend.get(TOMBSTONE, root)
        version = earlier.version if earlier else 0
        now = now_micros()
        record = RecordRow(
            kind=TOMBSTONE,
            id=root,
            version=version + 1,
            saga=None,
            at=now,
            body=ormsgpack.packb([now, by, sagas]),
        )
        if await backend.put(record, expected_version=version):
            return


async def _leave_out_of_batches(backend: Backend, saga_ids: Sequence[str]) -> None:
    """Take out of the batches' journals what they say of these sagas."""
    for record in await backend.scan(BATCH_LOG):
        current: RecordRow | None = record
        for _ in range(_ATTEMPTS):
            if current is None:
                break
            body = without_sagas(current, saga_ids)
            if body is None:
                break
            changed = replace(current, version=current.version + 1, body=body)
            if await backend.put(changed, expected_version=current.version):
                break
            current = await backend.get(BATCH_LOG, record.id)
