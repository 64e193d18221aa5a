"""Legal holds: families that are neither pruned nor forgotten, whatever their retention says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import ormsgpack

from sagaz_core.errors import CorruptEntryError, NotAllowedError, StorageUnavailableError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow, SagaQuery, SagaRow
from sagaz_core.storage.replay_log import REPLAY_LOG
from sagaz_core.storage.times import from_micros, now_micros, to_micros
from sagaz_core.storage.walking import every_saga

HOLD: Final = "hold"
"""The kind of the documents."""

_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a family is kept, and since when."""

    root_id: str
    at: datetime
    by: str
    reason: str


async def find_hold(backend: Backend, root: str) -> Hold | None:
    """Return the hold on a family; None: it is not held."""
    return hold_in(await backend.get(HOLD, root))


async def list_holds(backend: Backend) -> list[Hold]:
    """Return all families that are held, the latest first."""
    found = [hold_in(record) for record in await backend.scan(HOLD)]
    return [hold for hold in found if hold is not None]


async def refuse_held(backend: Backend, root: str) -> None:
    """Raise NotAllowedError if a family is held."""
    hold = await find_hold(backend, root)
    if hold is not None:
        raise NotAllowedError(
            f"{root!r} is held since {hold.at:%Y-%m-%d} by {hold.by}: {hold.reason}; "
            f"`sagaz hold {root} --release` ends that"
        )


async def set_hold(backend: Backend, hold: Hold) -> None:
    """Hold a family, in place of the hold on it before; raises StorageUnavailableError."""
    body = ormsgpack.packb([to_micros(hold.at), hold.by, hold.reason])
    await _put(backend, hold.root_id, body)
    await backend.keep(hold.root_id, True)
    for row in await _members(backend, hold.root_id):
        for record in await backend.scan(REPLAY_LOG, saga=row.saga_id):
            await _expire(backend, record, None)


async def release_hold(backend: Backend, root: str) -> bool:
    """End a hold, so that its sagas expire as they ask for; False: there was none."""
    if await find_hold(backend, root) is None:
        return False
    # What says that it was ended is of no use for long.
    await _put(backend, root, b"", expires=now_micros())
    rows = {row.saga_id: row for row in await _members(backend, root)}
    for row in rows.values():
        for record in await backend.scan(REPLAY_LOG, saga=row.saga_id):
            replay = rows.get(record.id, row)
            both = (row.expires, replay.expires)
            await _expire(backend, record, None if None in both else max(filter(None, both)))
    await backend.keep(root, False)
    return True


async def _members(backend: Backend, root: str) -> list[SagaRow]:
    return [row async for row in every_saga(backend, SagaQuery(root=root))]


async def _expire(backend: Backend, record: RecordRow | None, expires: int | None) -> None:
    """Have a line of the replay log expire at a time, also if that is written to meanwhile."""
    for _ in range(_ATTEMPTS):
        if record is None or record.expires == expires:
            return
        changed = replace(record, version=record.version + 1, expires=expires)
        if await backend.put(changed, expected_version=record.version):
            return
        record = await backend.get(record.kind, record.id)


async def _put(backend: Backend, root: str, body: bytes, *, expires: int | None = None) -> None:
    for _ in range(_ATTEMPTS):
        earlier = await backend.get(HOLD, root)
        version = earlier.version if earlier else 0
        record = RecordRow(
            kind=HOLD,
            id=root,
            version=version + 1,
            saga=None,
            at=now_micros(),
            expires=expires,
            body=body,
        )
        if await backend.put(record, expected_version=version):
            return
    raise StorageUnavailableError(f"the hold on {root!r} is being changed by others; try again")


def hold_in(record: RecordRow | None) -> Hold | None:
    """Return the hold that a document tells of; None: there is none, or it was ended."""
    if record is None or not record.body:
        return None
    try:
        at, by, reason = ormsgpack.unpackb(record.body)
        if type(by) is not str or type(reason) is not str:
            raise TypeError("it holds something else")
        return Hold(root_id=record.id, at=from_micros(at), by=by, reason=reason)
    except (ValueError, TypeError, OverflowError) as error:
        raise CorruptEntryError(f"the hold on {record.id!r} cannot be decoded: {error}") from error
