"""Whether a saga's history is the one that was written, from its first checkpoint to its last."""

from __future__ import annotations

from typing import Final

from sagaz_core.errors import CorruptEntryError, DecryptionError, TamperedError
from sagaz_core.storage.authentication import check_entries, check_index, check_row
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.protection import Protection
from sagaz_core.storage.verification import Verification

_PAGE: Final = 200


async def verify_saga(
    backend: Backend, protection: Protection | None, row: SagaRow
) -> Verification:
    """Check every authentication code of a saga.

    A history that somebody put back whole, as it was at some earlier time, is as it was written;
    that is found out only with a code of its head that was kept elsewhere.
    """
    if row.wrapped_key is None:
        latest = await backend.entries(row.saga_id, row.head, row.head, hidden=True, bodies=False)
        if row.mac is not None or any(entry.mac is not None for entry in latest):
            return Verification(
                status="tampered",
                reason=f"the checkpoints of {row.saga_id!r} have codes, and its key is gone",
            )
        return Verification(
            status="unverified", reason="it was recorded without encryption, so without codes"
        )
    if protection is None:
        return Verification(status="unverified", reason="the keys of the store are not at hand")
    try:
        await protection.ready(writes=False)
        key = await protection.saga_key(row)
    except DecryptionError as error:
        return Verification(status="unverified", reason=str(error))
    tags = await backend.tags(row.saga_id)
    code: bytes | None = None
    number = deleted = 0
    try:
        while number < row.head:
            page = await backend.entries(
                row.saga_id, number + 1, row.head, hidden=True, limit=_PAGE
            )
            if not page or page[0].seq != number + 1:
                raise TamperedError(
                    f"checkpoint {number + 1} of {row.saga_id!r} is gone from the store"
                )
            check_entries(key, row.saga_id, code, page)
            touches = await backend.touches(row.saga_id, key=None, lo=page[0].seq, hi=page[-1].seq)
            check_index(key, row.saga_id, page, touches, tags)
            code, number = page[-1].mac, page[-1].seq
            deleted += sum(entry.hidden for entry in page)
        check_row(key, row, code)
    except CorruptEntryError as error:
        return Verification(status="tampered", reason=str(error), since=key.since)
    since = "" if key.since == 1 else f" from checkpoint {key.since} on"
    # Being hidden is no part of the codes; the audit trail tells which were meant to be.
    hidden = f"; {deleted} of them deleted since, see its audit trail" if deleted else ""
    return Verification(
        status="verified",
        reason=f"all {row.head} checkpoints are as they were written{since}{hidden}",
        since=key.since,
    )
