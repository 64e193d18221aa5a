"""Changing keys: wrapping the sagas' keys anew, or encrypting their secrets under new ones.

It can be broken off at any time and begun again: what is under the current key is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sagaz_core.compliance.data_key import WrongKeyError
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.compliance.replacing import Path, replace_inside
from sagaz_core.compliance.sealed import SIGN, Sealed
from sagaz_core.errors import DecryptionError, TamperedError
from sagaz_core.process import process_owner
from sagaz_core.storage.audit_trail import NewEvent, append_event
from sagaz_core.storage.authentication import (
    Index,
    check_entries,
    check_index,
    check_row,
    index_of,
    signed_entry,
    signed_row,
)
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import EntryRow, SagaQuery, SagaRow
from sagaz_core.storage.batch_log import (
    BATCH_LOG,
    WRAPPED,
    batch_record,
    is_encrypted,
    unpack_batch,
)
from sagaz_core.storage.batch_secrets import decrypt_batch, encrypt_batch
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.protection import Protection
from sagaz_core.storage.reencoding import Reencoding
from sagaz_core.storage.saga_key import SagaKey
from sagaz_core.storage.sealing import place_of
from sagaz_core.storage.store_secrets import read_store_secrets
from sagaz_core.storage.walking import every_saga
from sagaz_core.storage.wrapped_key import WrappedKey

_ATTEMPTS = 10

Result = Literal["rotated", "current", "running", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationReport:
    """What became of the sagas that have keys."""

    rotated: int
    current: int
    """Those that were under the current key already."""
    running: int
    """Those whose secrets could not be encrypted anew while a run of their family is alive."""
    failed: tuple[str, ...]
    """A sentence for each saga whose key is not at hand, or that was altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """What is wrapped with one of the keys."""

    key_id: str
    """Empty: the provider does not say which key it took."""
    sagas: int
    """Sagas whose keys are."""
    others: int
    """The store's own keys, which count as one, and those of batches' journals."""
    at_hand: bool
    is_current: bool


async def rotate(
    backend: Backend,
    protection: Protection,
    *,
    reencrypt: bool,
    on_saga: Callable[[str, Result], None],
) -> RotationReport:
    """Bring all sagas under the current key; writers may go on meanwhile.

    Args:
        backend: the store.
        protection: its keys, the old and the new ones.
        reencrypt: make new keys for the sagas and encrypt their secrets under those, all of
            them; else only wrap the keys they have.
        on_saga: is told of each saga what became of it.
    """
    await protection.rewrap_store_secrets()
    await _rotate_batches(backend, protection)
    counts: dict[Result, int] = dict.fromkeys(("rotated", "current", "running", "failed"), 0)
    failed = []
    async for listed in every_saga(backend, SagaQuery()):
        result: Result
        try:
            if reencrypt:
                result = await _reencrypt(backend, protection, listed.saga_id)
            else:
                result = await _rewrap(backend, protection, listed.saga_id)
        except (DecryptionError, TamperedError) as error:
            result = "failed"
            failed.append(str(error))
        if result != "current" or listed.wrapped_key is not None:
            counts[result] += 1
        on_saga(listed.saga_id, result)
    return RotationReport(
        rotated=counts["rotated"],
        current=counts["current"],
        running=counts["running"],
        failed=tuple(failed),
    )


async def key_uses(backend: Backend, protection: Protection | None) -> list[KeyUse]:
    """Return what is wrapped with which key; no key is needed for that."""
    ring = protection.ring if protection else None
    sagas: Counter[str] = Counter()
    async for row in every_saga(backend, SagaQuery()):
        if row.wrapped_key is not None:
            sagas[_key_of(row.wrapped_key)] += 1
    others: Counter[str] = Counter()
    secrets, _ = await read_store_secrets(backend)
    if secrets is not None and secrets.wrapped:
        others[KeyRing.key_of(secrets.fingerprint_key) or ""] += 1
    for record in await backend.scan(BATCH_LOG):
        entry = unpack_batch(record)
        if is_encrypted(entry.options):
            others[_key_of(entry.options[WRAPPED])] += 1
    return [
        KeyUse(
            key_id=key_id,
            sagas=sagas[key_id],
            others=others[key_id],
            at_hand=ring is not None and key_id in ring.ids,
            is_current=ring is not None and key_id == ring.ids[0],
        )
        for key_id in dict.fromkeys((*(ring.ids if ring else ()), *sagas, *others))
    ]


def _key_of(wrapped_key: bytes) -> str:
    return KeyRing.key_of(WrappedKey.from_bytes(wrapped_key).by_provider) or ""


async def _rotate_batches(backend: Backend, protection: Protection) -> None:
    """Encrypt the journals of batches anew; they are few, and each has a key of its own."""
    for record in await backend.scan(BATCH_LOG):
        entry = unpack_batch(record)
        if is_encrypted(entry.options) and not protection.is_current(entry.options[WRAPPED]):
            plain = await decrypt_batch(protection, entry)
            changed = batch_record(await encrypt_batch(protection, plain), record.version + 1)
            # One that is written to meanwhile is encrypted under the current key by that.
            await backend.put(changed, expected_version=record.version)


async def _rewrap(backend: Backend, protection: Protection, saga_id: str) -> Result:
    for _ in range(_ATTEMPTS):
        row = await backend.saga(saga_id)
        if row is None or row.wrapped_key is None or protection.is_current(row.wrapped_key):
            return "current"
        wrapped = await protection.rewrapped(row)
        if await backend.rewrap(saga_id, wrapped, expected=row.wrapped_key):
            return "rotated"
    raise DecryptionError(f"saga {saga_id!r}: somebody else rotates its key all the time")


async def _reencrypt(backend: Backend, protection: Protection, saga_id: str) -> Result:
    row = await backend.saga(saga_id)
    if row is None or row.wrapped_key is None:
        return "current"
    if row.alive or row.status not in ("completed", "failed"):
        # Its writer has the old key in hand. The key that wraps it changes all the same.
        await _rewrap(backend, protection, saga_id)
        return "running"
    old = await protection.saga_key(row)
    entries = await backend.entries(saga_id, 1, row.head, hidden=True)
    check_entries(old, saga_id, None, entries)
    check_row(old, row, entries[-1].mac if entries else None)
    touches = await backend.touches(saga_id, key=None, lo=1, hi=row.head)
    tags = await backend.tags(saga_id)
    check_index(old, saga_id, entries, touches, tags)
    new = await protection.new_key(saga_id, old.since)
    reencryption = _Reencryption(saga_id, old, new, index_of(touches, tags))
    reencoding = Reencoding(saga_id, reencryption.change, reencryption.sign)
    changed = [reencoding.next(entry) for entry in entries]
    head = changed[-1] if changed else None
    # First on record: without it, bytes that are others than they were would seem altered.
    event = NewEvent(event="encrypted anew", by=process_owner(), details={})
    await append_event(backend, saga_id, await protection.audit_key(writes=True), event)
    keyed = await _with_key(backend, row, new)
    keyed = keyed._replace(keyframe=head.keyframe if head else row.keyframe)
    keyed = signed_row(new.key, keyed, head.mac if head else None)
    replaced = await backend.replace(keyed, changed, expected_head=row.head)
    return "rotated" if replaced else "running"


async def _with_key(backend: Backend, row: SagaRow, new: SagaKey) -> SagaRow:
    """Return a saga's row with another key, and what it tells of its audit trail by now."""
    now = await backend.saga(row.saga_id)
    told = now.wrapped_key if now is not None else None
    known = WrappedKey.from_bytes(told) if told is not None else new.wrapped
    return row._replace(wrapped_key=known._replace(by_provider=new.wrapped.by_provider).to_bytes())


class _Reencryption:
    """One saga's secrets under another key."""

    def __init__(
        self, saga_id: str, old: SagaKey, new: SagaKey, index: Mapping[int, Index]
    ) -> None:
        self._saga_id = saga_id
        self._old = old
        self._new = new
        self._index = index
        self._sealed: dict[tuple[int, Path, Sealed], Sealed] = {}

    def change(self, side: int, key: str, packed: bytes) -> bytes:
        """Return a value's bytes with each secret in it under the new key."""
        if SIGN not in packed:
            return packed

        def found(part: Any, path: Path) -> Any:
            return self._under_new_key(side, path, part) if isinstance(part, Sealed) else part

        return pack(replace_inside(unpack(packed), (key,), found))

    def sign(self, entry: EntryRow, before: bytes | None) -> EntryRow:
        """Return an entry with its authentication code."""
        if entry.seq < self._new.since:
            return entry
        index = self._index.get(entry.seq, Index())
        return signed_entry(self._new.key, self._saga_id, before, entry, index)

    def _under_new_key(self, side: int, path: Path, sealed: Sealed) -> Sealed:
        # The same bytes each time, so that what did not change does not seem to.
        known = self._sealed.get((side, path, sealed))
        if known is None:
            place = place_of(self._saga_id, side, path, sealed.sequence)
            try:
                plain = self._old.key.decrypt(sealed.encrypted, place)
            except WrongKeyError as error:
                raise TamperedError(f"a secret of {self._saga_id!r} was {error}") from error
            known = Sealed(
                sealed.sequence,
                sealed.length,
                sealed.fingerprint,
                self._new.key.encrypt(plain, place),
            )
            self._sealed[side, path, sealed] = known
        return known
