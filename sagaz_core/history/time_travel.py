"""What a saga looked like at any moment, and how it came from one state to the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sagaz_core.errors import NotFoundError, UsageError
from sagaz_core.history.diff import diff
from sagaz_core.model import (
    CheckpointSummary,
    HistoricalState,
    SagaSnapshot,
    StateChange,
)
from sagaz_core.storage.reader import StoreReader

_PAGE: Final = 500


class SagaTimeTravel:
    """Queries about the past. They only read.

    Times are datetimes; one without a zone is taken as the machine's local time.
    """

    @staticmethod
    async def get_state_at(
        *, saga_id: str, timestamp: datetime, snapshot_storage: StoreReader
    ) -> HistoricalState | None:
        """Return a saga as it stood at ``timestamp``: its latest checkpoint not after it.

        None: there is no such saga, or it had no checkpoint yet.
        """
        moment = _moment(timestamp, "timestamp")
        snapshot = await snapshot_storage.masked.get_snapshot_at_time(saga_id, moment)
        return None if snapshot is None else _historical(snapshot, timestamp)

    @staticmethod
    async def get_context_at(
        *,
        saga_id: str,
        timestamp: datetime,
        snapshot_storage: StoreReader,
        key: str | None = None,
    ) -> Any:
        """Return the context as it was at ``timestamp``, or the value of one key in it.

        ``key`` may be a step's name too: its value is the step's result. None: there was no
        state yet.

        Raises:
            NotFoundError: there was a state, but no such key in it.
        """
        state = await SagaTimeTravel.get_state_at(
            saga_id=saga_id, timestamp=timestamp, snapshot_storage=snapshot_storage
        )
        if state is None or key is None:
            return None if state is None else state.context
        values = {**state.results, **state.context}
        if key not in values:
            raise NotFoundError(
                f"saga {saga_id!r} had no key {key!r} at {timestamp.isoformat()}; "
                f"it had {', '.join(sorted(values)) or 'none'}"
            )
        return values[key]

    @staticmethod
    async def list_state_changes(
        *,
        saga_id: str,
        snapshot_storage: StoreReader,
        after: datetime | None = None,
        before: datetime | None = None,
        limit: int | None = 100,
    ) -> list[StateChange]:
        """Return what each checkpoint changed, in order of time.

        Args:
            saga_id: the saga to look at.
            snapshot_storage: where it was recorded.
            after: only checkpoints of this time or later.
            before: only checkpoints of this time or earlier.
            limit: at most so many, the latest ones; None: all.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        first = None if after is None else _moment(after, "after")
        last = None if before is None else _moment(before, "before")
        if limit is not None and limit < 1:
            raise UsageError(f"limit is {limit!r}; give a number from 1, or None for all")
        await snapshot_storage.get_existing_saga(saga_id)
        chosen = await _choose(snapshot_storage, saga_id, first, last, limit)
        return await _changes(snapshot_storage, saga_id, chosen) if chosen else []


async def _choose(
    storage: StoreReader,
    saga_id: str,
    first: datetime | None,
    last: datetime | None,
    limit: int | None,
) -> list[CheckpointSummary]:
    """Return the latest checkpoints within the times, in order; a saga's times never go back."""
    chosen: list[CheckpointSummary] = []
    until: int | None = None
    while limit is None or len(chosen) < limit:
        page = await storage.list_checkpoints(saga_id, until=until, reverse=True, limit=_PAGE)
        inside = [entry for entry in page if _within(entry.created_at, first, last)]
        chosen += inside
        if len(page) < _PAGE or (first is not None and page[-1].created_at < first):
            break
        until = page[-1].sequence - 1
    return chosen[:limit][::-1]


def _within(moment: datetime, first: datetime | None, last: datetime | None) -> bool:
    return (first is None or moment >= first) and (last is None or moment <= last)


async def _changes(
    storage: StoreReader, saga_id: str, chosen: list[CheckpointSummary]
) -> list[StateChange]:
    low, high = chosen[0].sequence, chosen[-1].sequence
    earlier = await storage.list_checkpoints(saga_id, until=low - 1, reverse=True, limit=1)
    start = earlier[0].sequence if earlier else 0
    # A deleted checkpoint's changes show in the one after it, and so do their causes.
    touches = await storage.list_changes(saga_id, first=start + 1, last=high)
    state: dict[str, Any] = {}
    changes = []
    async for snapshot in storage.masked.iter_checkpoints(
        saga_id, max(start, 1), high, steps=False
    ):
        before, state = state, snapshot.state
        caused_by: dict[str, str | None] = {}
        while touches and touches[-1].sequence <= snapshot.sequence:
            touch = touches.pop()
            caused_by[touch.key] = touch.step_name
        if snapshot.sequence >= low:
            changes.append(_change(snapshot, before, caused_by))
    return changes


def _change(
    snapshot: SagaSnapshot, before: dict[str, Any], caused_by: Mapping[str, str | None]
) -> StateChange:
    old, new = (
        {key: state[key] for key in caused_by if key in state} for state in (before, snapshot.state)
    )
    return StateChange(
        saga_id=snapshot.saga_id,
        sequence=snapshot.sequence,
        snapshot_id=snapshot.snapshot_id,
        created_at=snapshot.created_at,
        kind=snapshot.kind,
        status=snapshot.status,
        step_name=snapshot.step_name,
        caused_by=caused_by,
        changes=tuple(diff(old, new)),
    )


def _historical(snapshot: SagaSnapshot, timestamp: datetime) -> HistoricalState:
    return HistoricalState(
        saga_id=snapshot.saga_id,
        saga_name=snapshot.saga_name,
        status=snapshot.status,
        step_name=snapshot.step_name,
        completed_steps=snapshot.completed_steps,
        context=snapshot.context,
        created_at=snapshot.created_at,
        timestamp=timestamp,
        results=snapshot.results,
        kind=snapshot.kind,
        sequence=snapshot.sequence,
        snapshot_id=snapshot.snapshot_id,
        error=snapshot.error,
    )


def _moment(value: datetime, name: str) -> datetime:
    if not isinstance(value, datetime):
        raise UsageError(
            f"{name} is {value!r}; give a datetime, such as datetime.now(timezone.utc)"
        )
    return value.astimezone() if value.tzinfo is None else value
