"""A saga's row tells how far its audit trail had come, so that one that is gone is missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import ormsgpack

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.wrapped_key import WrappedKey

if TYPE_CHECKING:
    from sagaz_core.compliance.data_key import DataKey

Fit = Literal["fits", "gone", "another key"]

_ATTEMPTS: Final = 20


def anchored(
    wrapped: WrappedKey, key: DataKey, saga_id: str, events: int, last: bytes
) -> WrappedKey:
    """Return what a row shall hold.

    Args:
        wrapped: what it holds.
        key: that of the audit trails.
        saga_id: the saga.
        events: how many its trail has.
        last: the code of the last of them; empty: there is none.
    """
    return wrapped._replace(events=events, events_code=_code(key, saga_id, events, last))


async def anchor(backend: Backend, saga_id: str, key: DataKey, codes: Sequence[bytes]) -> None:
    """Have a saga's row tell how far its trail has come; one without a key tells nothing.

    It is behind where it was broken off between the event and this, or others add events all the
    time: it tells how many there are at least. Of a trail that is not the one it tells of, it
    tells nothing new: as soon as some events were added, nobody would miss those that are gone.

    Args:
        backend: where.
        saga_id: the saga.
        key: that of the audit trails.
        codes: by its number, that of each event of the trail; empty for number 0.
    """
    events = len(codes) - 1
    for _ in range(_ATTEMPTS):
        row = await backend.saga(saga_id)
        if row is None or row.wrapped_key is None:
            return
        known = WrappedKey.from_bytes(row.wrapped_key)
        if known.events >= events or check(known, key, saga_id, codes[known.events]) != "fits":
            return
        changed = anchored(known, key, saga_id, events, codes[events]).to_bytes()
        if await backend.rewrap(saga_id, changed, expected=row.wrapped_key):
            return


def check(wrapped: WrappedKey, key: DataKey, saga_id: str, last: bytes | None) -> Fit:
    """Tell whether a trail goes at least as far as a row tells.

    Args:
        wrapped: what the row holds.
        key: that of the audit trails.
        saga_id: the saga.
        last: the code of the trail's event of the number ``wrapped.events``, empty for number 0;
            None: it has no such event.
    """
    code = wrapped.events_code
    if code and not code.startswith(key_id(key)):
        # It was copied from a store with keys of its own.
        return "another key"
    fits = last is not None and code == _code(key, saga_id, wrapped.events, last)
    return "fits" if fits else "gone"


def key_id(key: DataKey | None) -> bytes:
    """Return what tells one key from another; empty: there is none."""
    return key.code(b"which key this is")[:4] if key is not None else b""


def _code(key: DataKey, saga_id: str, events: int, last: bytes) -> bytes:
    return key_id(key) + key.code(ormsgpack.packb([b"trail", saga_id, events, last]))
