"""What a store keeps for all its secrets together: its own keys, and the passphrase's salt."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

import ormsgpack

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow
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
    audit_key: bytes = b""
    """That of the audit trails, always wrapped; empty: the store's secrets are not encrypted."""


async def read_store_secrets(backend: Backend) -> tuple[StoreSecrets | None, int]:
    """Return the document and its version; None and 0: nothing was ever kept secret here."""
    record = await backend.get(KIND, _ID)
    return (None, 0) if record is None else (_secrets_in(record), record.version)


async def write_store_secrets(backend: Backend, secrets: StoreSecrets, version: int) -> bool:
    """Store the document in place of that of a version; False if it is another by now."""
    record = RecordRow(
        kind=KIND,
        id=_ID,
        version=version + 1,
        saga=None,
        at=now_micros(),
        body=_secrets_out(secrets),
    )
    return await backend.put(record, expected_version=version)


def _secrets_out(secrets: StoreSecrets) -> bytes:
    return bytes((_FORM,)) + ormsgpack.packb(list(secrets))


def _secrets_in(record: RecordRow) -> StoreSecrets:
    try:
        if record.body[0] != _FORM:
            raise ValueError("it has the form of a newer sagaz")
        secrets = StoreSecrets(*ormsgpack.unpackb(record.body[1:]))
        if [type(each) for each in secrets] != [bytes, bytes, bool, bytes]:
            raise TypeError("it holds something else")
        return secrets
    except (ValueError, TypeError, IndexError) as error:
        raise CorruptEntryError(f"what the store keeps for its secrets is damaged: {error}") from (
            error
        )


def new_salt() -> bytes:
    """Return a fresh salt."""
    return os.urandom(_SALT_BYTES)
