"""A family in one file: its history, its replays and their log, to be sent to somebody.

It is a store of its own, an SQLite file that only its owner can read, without any key. Each
secret in it is a mask, unless somebody asked for them as they are. What errors and the replay log
told of a value before it was called a secret stays in them.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from sagaz_core.compliance.replacing import Path as Place
from sagaz_core.compliance.replacing import replace_inside
from sagaz_core.compliance.sealed import SIGN, Sealed
from sagaz_core.errors import DecryptionError, StorageError, UsageError
from sagaz_core.model import Masked
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import EntryRow, SagaQuery, SagaRow
from sagaz_core.storage.backends.sqlite.backend import SQLiteSnapshotStorage
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.copying import CopyReport, copy_sagas
from sagaz_core.storage.protection import Protection
from sagaz_core.storage.reencoding import Reencoding
from sagaz_core.storage.revealing import have_key
from sagaz_core.storage.sealing import place_of
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.unsealing import mask
from sagaz_core.storage.walking import every_saga

_OWN: Final = 0o600


async def export_family(
    storage: SnapshotStorage, saga_id: str, path: Path, *, unmasked_by: str | None = None
) -> CopyReport:
    """Write a saga's family to a file, which is made, and say what was copied.

    Args:
        storage: where it is recorded.
        saga_id: a saga of the family.
        path: the file; there must be none.
        unmasked_by: who asks for the secrets as they are, which is put on record; None: they are
            masked.

    Raises:
        SagaNotFoundError: there is no such saga.
        UsageError: there is such a file, or it cannot be made.
        NotAllowedError: the settings forbid to view the store, or to reveal its secrets.
        DecryptionError: they cannot be decrypted; nothing is put on record.
    """
    storage.require("view")
    saga = await storage.get_existing_saga(saga_id)
    if os.path.lexists(path):
        raise UsageError(f"{str(path)!r} is there already; name another file, or remove it")
    if unmasked_by is not None:
        storage.require("reveal")
        async for row in every_saga(storage.backend, SagaQuery(root=saga.root_id)):
            await have_key(storage._protection, row, "the secrets")
        await storage.record_event(
            saga.root_id, "exported", by=unmasked_by, details={"unmasked": True}
        )
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be made: {error.strerror}") from error
    os.close(descriptor)
    draft = Path(name)
    try:
        # mkstemp made it for its owner alone; SQLite takes an empty file for a new database.
        async with SQLiteSnapshotStorage(draft) as bundle:
            report = await copy_sagas(storage, bundle, journals=False, root_id=saga.root_id)
            await _open_or_mask(bundle.backend, storage._protection, unmasked_by is not None)
            if not await bundle.backend.scrubbed():
                raise StorageError(f"{name} is read by somebody while it is written; try again")
        os.link(draft, path)
    except FileExistsError:
        raise UsageError(f"{str(path)!r} is there already; name another file") from None
    finally:
        for left in (draft, Path(f"{name}-wal"), Path(f"{name}-shm")):
            with suppress(FileNotFoundError):
                left.unlink()
    return report


async def _open_or_mask(bundle: Backend, protection: Protection | None, opens: bool) -> None:
    if protection is not None:
        await protection.ready(writes=False)
    async for row in every_saga(bundle, SagaQuery()):
        if row.wrapped_key is None and (protection is None or not protection.fields or opens):
            continue
        change = partial(
            _changed,
            row.saga_id,
            protection,
            await _opened(row, protection) if opens else None,
        )
        reencoding = Reencoding(row.saga_id, change, lambda entry, before: entry)
        entries: list[EntryRow] = [
            reencoding.next(entry)
            for entry in await bundle.entries(row.saga_id, 1, row.head, hidden=True)
        ]
        last = entries[-1].keyframe if entries else row.keyframe
        plain = row._replace(wrapped_key=None, mac=None, keyframe=last)
        if not await bundle.replace(plain, entries, expected_head=row.head):
            raise StorageError(f"{bundle.name} was written to by somebody else; try again")


async def _opened(row: SagaRow, protection: Protection | None) -> Any:
    if row.wrapped_key is None:
        return None
    if protection is None:
        raise DecryptionError(f"saga {row.saga_id!r}: its key is not at hand; give the keys")
    return (await protection.saga_key(row)).key


def _changed(
    saga_id: str, protection: Protection | None, key: Any, side: int, name: str, packed: bytes
) -> bytes:
    fields = protection.fields if protection is not None and key is None else None
    hides = fields is not None and (fields.hold((name,)) or fields.may_be_inside(name, packed))
    if SIGN not in packed and not hides:
        return packed

    def found(part: Any, path: Place) -> Any:
        if isinstance(part, Sealed):
            if key is None:
                return Masked(part.length, part.fingerprint)
            return unpack(key.decrypt(part.encrypted, place_of(saga_id, side, path, part.sequence)))
        if (
            hides
            and fields is not None
            and fields.hold_value(path, part)
            and not isinstance(part, Masked)
        ):
            assert protection is not None
            return mask(protection, part)
        return part

    return pack(replace_inside(unpack(packed), (name,), found))
