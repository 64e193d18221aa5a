"""What a store keeps for all its secrets together: the fingerprints' key, the passphrase's salt."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

import ormsgpack

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.base import Backend, RecordRow
from sagaz_core.storage.times import now_micros

KIND: Final = "secrets"
"""The kind of the one document."""

_ID: Final = "store"
_FORM: Final = 1
_SALT_BYTES: Final = 16


class StoreSecrets(NamedTuple):
    """The document."""

    salt: bytes
    fingerprint_key: bytes
    """Wrapped, where the store's secrets are encrypted."""
    wrapped: bool


async def read_store_secrets(backend: Backend) -> tuple[StoreSecrets | None, int]:
    """Return the document and its version; None and 0: nothing was ever kept secret here."""
    record = await backend.get(KIND, _ID)
    if record is None:
        return None, 0
    try:
        if record.body[0] != _FORM:
            raise ValueError("it has the form of a newer sagaz")
        return StoreSecrets(*ormsgpack.unpackb(record.body[1:])), record.version
    except (ValueError, TypeError, IndexError) as error:
        raise CorruptEntryError(f"what the store keeps for its secrets is damaged: {error}") from (
            error
        )


async def write_store_secrets(backend: Backend, secrets: StoreSecrets, version: int) -> bool:
    """Store the document in place of that of a version; False if it is another by now."""
    record = RecordRow(
        kind=KIND,
        id=_ID,
        version=version + 1,
        saga=None,
        at=now_micros(),
        body=bytes((_FORM,)) + ormsgpack.packb(list(secrets)),
    )
    return await backend.put(record, expected_version=version)


def new_salt() -> bytes:
    """Return a fresh salt."""
    return os.urandom(_SALT_BYTES)
