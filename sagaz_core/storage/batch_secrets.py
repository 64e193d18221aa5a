"""A batch's overrides and conditions encrypted in its journal, under a key of its own."""

from __future__ import annotations

from dataclasses import replace

from sagaz_core.compliance.data_key import WrongKeyError
from sagaz_core.errors import DecryptionError
from sagaz_core.model import BatchLogEntry
from sagaz_core.storage.batch_log import ENCRYPTED, WRAPPED, is_encrypted
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.protection import Protection


async def encrypt_batch(protection: Protection, entry: BatchLogEntry) -> BatchLogEntry:
    """Return a journal as it may be stored."""
    if not protection.manager.encrypts or is_encrypted(entry.options):
        return entry
    await protection.ready(writes=True)
    key = await protection.new_key(_owner(entry.batch_id))
    content = pack([dict(entry.selection), dict(entry.options)])
    encrypted = key.key.encrypt(content, _place(entry.batch_id))
    return replace(
        entry, selection={}, options={WRAPPED: key.wrapped.to_bytes(), ENCRYPTED: encrypted}
    )


async def decrypt_batch(protection: Protection | None, entry: BatchLogEntry) -> BatchLogEntry:
    """Return a journal with its overrides and conditions.

    Raises:
        DecryptionError: its key is not at hand, or it was altered.
    """
    if not is_encrypted(entry.options):
        return entry
    what = f"what the batch {entry.batch_id!r} overrides is encrypted"
    if protection is None:
        raise DecryptionError(f"{what}; give the keys of the store")
    await protection.ready(writes=False)
    try:
        key = await protection.opened_key(_owner(entry.batch_id), entry.options[WRAPPED])
        content = key.key.decrypt(entry.options[ENCRYPTED], _place(entry.batch_id))
        selection, options = unpack(content)
    except (DecryptionError, WrongKeyError, ValueError) as error:
        raise DecryptionError(f"{what}, and cannot be decrypted: {error}") from error
    return replace(entry, selection=selection, options=options)


def _owner(batch_id: str) -> str:
    # No saga can be called so: a line break is not printable.
    return f"batch\n{batch_id}"


def _place(batch_id: str) -> bytes:
    return _owner(batch_id).encode()
