"""Erasing a family without a trace but a tombstone that says that it was erased."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import NotAllowedError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow, SagaQuery, SagaRow
from sagaz_core.storage.batch_log import BATCH_LOG, without_sagas
from sagaz_core.storage.holding import refuse_held
from sagaz_core.storage.tombstones import put_up_tombstone
from sagaz_core.storage.walking import every_saga

if TYPE_CHECKING:
    from sagaz_core.compliance.data_key import DataKey

_ATTEMPTS: Final = 10
_BETWEEN_LOOKS: Final = 0.1


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
    backend: Backend,
    roots: Sequence[str],
    *,
    by: str,
    key: DataKey | None,
    patience: float = 0,
) -> ForgetReport:
    """Erase families: their keys, rows, logs and journals.

    Args:
        backend: where.
        roots: the root sagas of the families. One that was erased before may be named again, to
            learn whether it is done by now.
        by: who does it, for the tombstone.
        key: that of the store's audit trails; None: it has none, or it is not at hand.
        patience: seconds for which a server that writes its files anew is waited for.

    Raises:
        NotAllowedError: a family is held, or a run of it is alive; nothing was erased, unless
            that came about meanwhile: then those before it were.
    """
    for root in roots:
        await _check(backend, root, await _members(backend, root))
    sagas = checkpoints = 0
    for root in roots:
        members = await _members(backend, root)
        if not members:
            continue
        try:
            await _check(backend, root, members)
        except NotAllowedError:
            await _scrub(backend, patience)
            raise
        # First of all: a family of which less is left is still known to have been erased.
        await put_up_tombstone(backend, root, by=by, sagas=len(members), key=key)
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
