"""How a batch stands, as its store tells: whoever works on it, and wherever."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sagaz_core.model import BatchLogEntry, ReplayLogEntry, utc_now
from sagaz_core.replay.batch.alive import TERM
from sagaz_core.replay.batch.items import BatchItem
from sagaz_core.storage.storage import SnapshotStorage

_BEGINNING: Final = timedelta(seconds=TERM)
"""So long after its journal was written the first sign of work on it may still be to come."""
_CLOCKS_APART: Final = timedelta(minutes=1)
"""So much the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStanding:
    """A batch, and whether somebody works on it now."""

    entry: BatchLogEntry
    state: Literal["running", "interrupted", "stopped", "completed"]
    """``interrupted``: whoever worked on it is gone without having said why."""
    owner: str | None
    """Who is seen working on it, as ``user@host:pid``; None: nobody."""


async def read_standing(storage: SnapshotStorage, entry: BatchLogEntry) -> BatchStanding:
    """Return how a batch stands.

    Raises:
        StorageError: the store cannot be read now.
    """
    sign = await storage.get_family(entry.batch_id)
    if sign is not None and sign.held:
        return BatchStanding(entry=entry, state="running", owner=sign.owner)
    if sign is None and entry.status == "running" and utc_now() - entry.started_at < _BEGINNING:
        return BatchStanding(entry=entry, state="running", owner=None)
    # Its end may have been written between the two looks.
    entry = await storage.get_batch(entry.batch_id) or entry
    state = entry.status if entry.status != "running" else "interrupted"
    return BatchStanding(entry=entry, state=state, owner=None)


async def replayed_items(
    storage: SnapshotStorage, entry: BatchLogEntry, *, since: datetime | None = None
) -> AsyncGenerator[tuple[BatchItem, datetime], None]:
    """Yield the sagas of a batch whose replay has begun, each with when, newest first.

    Their state is ``running``, ``succeeded`` or ``failed``. What is skipped or in doubt has no
    replay, and so is not among them.

    Args:
        storage: where the batch is.
        entry: its journal.
        since: leave out what began before, less what clocks may differ; None: nothing.

    Raises:
        StorageError: the store cannot be read now.
    """
    named = {saga_id: (name, step) for saga_id, name, step, _ in entry.items}
    earliest = (since or entry.started_at) - _CLOCKS_APART
    async for replay in storage.iter_replays():
        if replay.started_at < earliest:
            return
        if replay.request_id == entry.batch_id and replay.original_saga_id in named:
            yield _item(replay, *named[replay.original_saga_id]), replay.started_at


def _item(replay: ReplayLogEntry, name: str, step: str | None) -> BatchItem:
    state: Literal["running", "succeeded", "failed"] = "running"
    if replay.outcome != "running":
        state = "succeeded" if replay.outcome == "success" else "failed"
    return BatchItem(
        saga_id=replay.original_saga_id,
        saga_name=name,
        from_step=step,
        state=state,
        new_saga_id=replay.replay_id,
        error=replay.error_message if state == "failed" else None,
    )
