"""A batch's journal: written before anything runs, and read by whoever goes on with it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sagaz_core.errors import (
    BatchChangedError,
    BatchNotFoundError,
    DecryptionError,
    StorageError,
    UsageError,
)
from sagaz_core.model import BatchLogEntry, utc_now
from sagaz_core.replay.batch.code import SagaCode
from sagaz_core.replay.batch.files import check_files, file_digests
from sagaz_core.replay.batch.items import BatchItem, State
from sagaz_core.replay.batch.options import BatchOptions, options_from
from sagaz_core.replay.batch.selection import BatchSelection
from sagaz_core.storage.batch_log import is_encrypted
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

_FILES: Final = "files"
_SHOWN: Final = "%Y%m%d-%H%M%S"


@dataclass(frozen=True, kw_only=True)
class BatchJournal:
    """What a batch was begun with."""

    entry: BatchLogEntry
    items: list[BatchItem]
    options: BatchOptions
    stop_after_failures: int | None

    @property
    def batch_id(self) -> str:
        """The batch's id, by which its replays are known."""
        return self.entry.batch_id


def new_batch_id() -> str:
    """Return a fresh id; sorted as texts, ids are in the order of their time, by the second."""
    return f"batch-{utc_now():{_SHOWN}}-{secrets.token_hex(3)}"


async def begin_journal(
    storage: SnapshotStorage,
    *,
    items: Sequence[BatchItem],
    selection: BatchSelection,
    options: BatchOptions,
    code: Mapping[str, SagaCode],
    initiated_by: str,
    reason: str | None,
    expires_at: datetime | None,
    stop_after_failures: int | None,
) -> BatchJournal:
    """Write the journal of a new batch.

    Raises:
        UsageError: an override has a value that cannot be stored, or a file that cannot be read.
    """
    entry = BatchLogEntry(
        batch_id=new_batch_id(),
        items=tuple((item.saga_id, item.saga_name, item.from_step, item.reason) for item in items),
        selection=_selection_data(selection),
        options=options.data() | {_FILES: file_digests(options)},
        code={name: made.steps for name, made in code.items()},
        code_made_for={name: made.saga_id for name, made in code.items()},
        initiated_by=initiated_by,
        reason=reason,
        expires_at=expires_at,
        stop_after_failures=stop_after_failures,
    )
    await storage.save_batch(entry)
    return BatchJournal(
        entry=entry, items=list(items), options=options, stop_after_failures=stop_after_failures
    )


async def read_journal(
    storage: SnapshotStorage,
    batch_id: str,
    selection: BatchSelection,
    options: BatchOptions,
    stop_after_failures: int | None,
) -> BatchJournal:
    """Read the journal of a batch, to go on with it.

    Args:
        storage: where the batch is.
        batch_id: its id.
        selection, options, stop_after_failures: those that the caller names; what is not set is
            the batch's.

    Raises:
        BatchNotFoundError: there is no such batch.
        BatchChangedError: the caller names others than it was begun with, or a file that an
            override reads has changed since.
    """
    entry = await storage.get_batch(batch_id)
    if entry is None:
        raise BatchNotFoundError(batch_id)
    if is_encrypted(entry.options):
        raise DecryptionError(
            f"what the batch {batch_id!r} overrides is encrypted; give the keys of the store"
        )
    kept = dict(entry.options)
    check_files(kept.pop(_FILES, {}))
    begun = options_from(kept)
    named = _selection_data(selection)
    anything = _selection_data(BatchSelection())
    differing = [
        *options.differing(begun),
        *(
            name
            for name, value in named.items()
            if value not in (anything[name], entry.selection[name])
        ),
    ]
    if differing:
        raise BatchChangedError(
            f"{batch_id} was begun with another {' and another '.join(differing)}; resume it "
            "without naming any, or begin a new batch for what is left"
        )
    return BatchJournal(
        entry=entry,
        items=[
            BatchItem(saga_id=saga_id, saga_name=name, from_step=step, reason=reason)
            for saga_id, name, step, reason in entry.items
        ],
        options=begun if options.in_doubt is None else replace(begun, in_doubt=options.in_doubt),
        stop_after_failures=stop_after_failures or entry.stop_after_failures,
    )


async def end_journal(
    storage: SnapshotStorage,
    batch_id: str,
    counts: Mapping[State, int],
    stopped_because: str | None,
) -> None:
    """Write down how the batch stands when somebody's work on it has ended.

    A store that is gone changes nothing: the batch is then known as one that still runs.
    """
    try:
        entry = await storage.get_batch(batch_id)
        if entry is None or (entry.status == "completed" and stopped_because):
            # Another worker has brought it to its end meanwhile.
            return
        await storage.save_batch(
            replace(
                entry,
                status="stopped" if stopped_because else "completed",
                finished_at=utc_now(),
                counts={str(state): count for state, count in counts.items()},
                stopped_because=stopped_because,
            )
        )
    except StorageError as error:
        _log.error("the journal of %s does not tell its end: %s", batch_id, error)


def check_code(entry: BatchLogEntry, code: Mapping[str, SagaCode]) -> None:
    """Raise :class:`BatchChangedError` if a class is not the one that the batch began with."""
    changes = [
        f"{name}: {change}"
        for name, begun in entry.code.items()
        for change in _changes(begun, code.get(name))
    ]
    if changes:
        raise BatchChangedError(
            f"the code has changed since {entry.batch_id} began ({'; '.join(changes)}); go on "
            "with the code of then, or begin a new batch for what is left"
        )


def _changes(begun: Mapping[str, str], code: SagaCode | None) -> Iterable[str]:
    if code is None:
        return ["it cannot be made any more"]
    now = code.steps
    return [
        *(f"step {step!r} is gone" for step in begun if step not in now),
        *(f"step {step!r} is new" for step in now if step not in begun),
        *(
            f"step {step!r} does something else"
            for step, fingerprint in begun.items()
            if now.get(step, fingerprint) != fingerprint
        ),
    ]


def _selection_data(selection: BatchSelection) -> dict[str, Any]:
    data = {each.name: getattr(selection, each.name) for each in fields(selection)}
    for name in ("since", "until"):
        if data[name] is not None and data[name].tzinfo is None:
            raise UsageError(f"{name} needs a time zone; use datetime(..., tzinfo=timezone.utc)")
    return data | {
        "tags": dict(selection.tags),
        "keys": dict(selection.keys),
        "saga_ids": list(selection.saga_ids),
    }
