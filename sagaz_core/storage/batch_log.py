"""The journal of a batch as the store keeps it: one document."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sagaz_core.errors import CorruptEntryError, UsageError
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.codec import NotStorableError, pack, unpack
from sagaz_core.storage.difference import compress, decompress
from sagaz_core.storage.times import from_micros, to_micros

if TYPE_CHECKING:
    from sagaz_core.model import BatchLogEntry

BATCH_LOG: Final = "batch"
"""The kind of the documents."""

WRAPPED: Final = "wrapped"
ENCRYPTED: Final = "encrypted"
"""The names in a journal's options where they are encrypted: of their key, and of what they are."""

_FORM: Final = 1


def batch_record(entry: BatchLogEntry, version: int) -> RecordRow:
    """Return a journal as a document.

    Raises:
        UsageError: one of its values cannot be stored.
    """
    return RecordRow(
        kind=BATCH_LOG,
        id=entry.batch_id,
        version=version,
        saga=None,
        at=to_micros(entry.started_at),
        expires=None if entry.expires_at is None else to_micros(entry.expires_at),
        body=_pack(entry),
    )


def unpack_batch(record: RecordRow) -> BatchLogEntry:
    """Return a journal; raises :class:`CorruptEntryError` if it is damaged."""
    body = record.body
    try:
        if body[0] != _FORM:
            raise ValueError(f"it has the form {body[0]} of a newer sagaz; upgrade to read it")
        return _entry_in(record.expires, *unpack(decompress(body[1:])))
    except (ValueError, TypeError, IndexError, LookupError) as error:
        raise CorruptEntryError(f"a batch's journal cannot be decoded: {error}") from error


def is_encrypted(options: Mapping[str, Any]) -> bool:
    """Whether a journal's options are encrypted, and its conditions with them."""
    return set(options) == {WRAPPED, ENCRYPTED}


def without_sagas(record: RecordRow, saga_ids: Collection[str]) -> bytes | None:
    """Return the bytes of a journal that says nothing of these sagas; None: it says nothing now.

    What all of its sagas have in common stays. Where that is encrypted nobody can tell what in
    it is about these sagas, and all of it goes.
    """
    entry = unpack_batch(record)
    if not any(item[0] in saga_ids for item in entry.items):
        return None
    options = dict(entry.options)
    if "saga_overrides" in options:
        options["saga_overrides"] = {
            saga_id: overrides
            for saga_id, overrides in options["saga_overrides"].items()
            if saga_id not in saga_ids
        }
    else:
        options = {}
    selection = dict(entry.selection)
    if "saga_ids" in selection:
        kept = [saga_id for saga_id in selection["saga_ids"] if saga_id not in saga_ids]
        selection["saga_ids"] = kept
    made_for = {name: each for name, each in entry.code_made_for.items() if each not in saga_ids}
    return _pack(
        replace(
            entry,
            items=tuple(item for item in entry.items if item[0] not in saga_ids),
            selection=selection,
            options=options,
            code_made_for=made_for,
        )
    )


def _pack(entry: BatchLogEntry) -> bytes:
    finished = entry.finished_at
    fields = [
        entry.batch_id,
        [list(item) for item in entry.items],
        dict(entry.selection),
        dict(entry.options),
        {name: dict(steps) for name, steps in entry.code.items()},
        dict(entry.code_made_for),
        entry.stop_after_failures,
        entry.initiated_by,
        entry.reason,
        to_micros(entry.started_at),
        entry.status,
        None if finished is None else to_micros(finished),
        dict(entry.counts),
        entry.stopped_because,
    ]
    try:
        return bytes((_FORM,)) + compress(pack(fields))
    except NotStorableError as error:
        raise UsageError(f"a value of the batch cannot be recorded: {error}") from error


def _entry_in(
    expires: int | None,
    batch_id: str,
    items: list[list[Any]],
    selection: dict[str, Any],
    options: dict[str, Any],
    code: dict[str, dict[str, str]],
    code_made_for: dict[str, str],
    stop_after_failures: int | None,
    initiated_by: str,
    reason: str | None,
    started: int,
    status: Any,
    finished: int | None,
    counts: dict[str, int],
    stopped_because: str | None,
) -> BatchLogEntry:
    from sagaz_core.model import BatchLogEntry

    return BatchLogEntry(
        batch_id=batch_id,
        items=tuple((item[0], item[1], item[2], item[3]) for item in items),
        selection=selection,
        options=options,
        code=code,
        code_made_for=code_made_for,
        stop_after_failures=stop_after_failures,
        initiated_by=initiated_by,
        reason=reason,
        started_at=from_micros(started),
        status=status,
        finished_at=None if finished is None else from_micros(finished),
        counts=counts,
        stopped_because=stopped_because,
        expires_at=None if expires is None else from_micros(expires),
    )
