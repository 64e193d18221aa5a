"""What stands in the place of a family that was erased: that it was, and nothing of what it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import ormsgpack

from sagaz_core.errors import CorruptEntryError, StorageUnavailableError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.replay_ids import LONGEST_ROOT, stem
from sagaz_core.storage.times import from_micros, now_micros, to_micros
from sagaz_core.storage.trail_anchor import key_id
from sagaz_core.storage.verification import Verification

if TYPE_CHECKING:
    from sagaz_core.compliance.data_key import DataKey

TOMBSTONE: Final = "tombstone"
"""The kind of the documents."""

_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A family that was erased. It says nothing of what was in it."""

    root_id: str
    at: datetime
    by: str
    sagas: int
    code: bytes
    """Over the rest, by the key of the store's audit trails; empty: nobody had it at hand."""


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
        at, by, sagas, code = ormsgpack.unpackb(record.body)
        if [type(part) for part in (by, sagas, code)] != [str, int, bytes]:
            raise TypeError("it holds something else")
        return Tombstone(root_id=record.id, at=from_micros(at), by=by, sagas=sagas, code=code)
    except (ValueError, TypeError) as error:
        raise CorruptEntryError(
            f"the tombstone of {record.id!r} cannot be decoded: {error}"
        ) from error


async def put_up_tombstone(
    backend: Backend, root: str, *, by: str, sagas: int, key: DataKey | None
) -> None:
    """Put a tombstone in the place of a family, or in that of its earlier one.

    Args:
        backend: where.
        root: the family's root saga.
        by: who erases it.
        sagas: how many there were in it.
        key: that of the store's audit trails; None: it has none, or it is not at hand.

    Raises:
        StorageUnavailableError: others put one up all the time.
    """
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
            body=ormsgpack.packb([now, by, sagas, _code(key, root, now, by, sagas)]),
        )
        if await backend.put(record, expected_version=version):
            return
    raise StorageUnavailableError(
        f"the tombstone of {root!r} is being written by somebody else; try again"
    )


def verify_tombstone(stone: Tombstone, key: DataKey | None) -> Verification:
    """Tell whether a tombstone is as it was written, given the key of the audit trails."""
    if key is None or not stone.code:
        reason = "written without a key, as anybody could have done" if key else "not verified"
        return Verification(status="unverified", reason=reason)
    if not stone.code.startswith(key_id(key)):
        return Verification(status="unverified", reason="written with another key")
    at = to_micros(stone.at)
    if stone.code != _code(key, stone.root_id, at, stone.by, stone.sagas):
        return Verification(status="tampered", reason="not as it was written")
    return Verification(status="verified", reason="as it was written")


def _code(key: DataKey | None, root: str, at: int, by: str, sagas: int) -> bytes:
    if key is None:
        return b""
    return key_id(key) + key.code(ormsgpack.packb([b"tombstone", root, at, by, sagas]))
