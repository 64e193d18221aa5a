"""A call made again with the same request id: what became of the replay it asked for."""

from __future__ import annotations

from typing import Final

from sagaz_core.errors import UsageError
from sagaz_core.model import ReplayLogEntry, ReplayResult
from sagaz_core.storage.storage import SnapshotStorage

LONGEST: Final = 256
"""Characters of a request id."""


async def find_call(
    storage: SnapshotStorage, saga_id: str, request_id: str, from_step: str
) -> ReplayLogEntry | None:
    """Return the log of the replay that a call with this request id began; None: there is none.

    Raises:
        UsageError: that call asked for another step.
    """
    for entry in await storage.list_replays(saga_id):
        if entry.request_id == request_id:
            if entry.from_step != from_step:
                raise UsageError(
                    f"the request {request_id!r} was for a replay from step {entry.from_step!r}, "
                    f"and now is for one from {from_step!r}; give each replay a request id of "
                    "its own"
                )
            return entry
    return None


async def earlier_result(
    storage: SnapshotStorage, saga_id: str, request_id: str, from_step: str
) -> ReplayResult | None:
    """Return the result of the call that :func:`find_call` finds; None: it has not ended."""
    entry = await find_call(storage, saga_id, request_id, from_step)
    return None if entry is None else await result_of(storage, entry)


async def result_of(storage: SnapshotStorage, entry: ReplayLogEntry) -> ReplayResult | None:
    """Return the result of a replay from its log and its saga; None: it has not ended.

    Its plan is not in it: it is in the replay log, as plain data.
    """
    saga = await storage.get_saga(entry.replay_id)
    succeeded, error = entry.outcome == "success", entry.error_message
    finished_at = entry.finished_at
    if entry.outcome == "running":
        if saga is None or saga.status not in ("completed", "failed"):
            return None
        # Its process ended between the saga's end and the log's.
        succeeded, error, finished_at = saga.status == "completed", saga.error, saga.updated_at
    latest = await storage.get_latest_snapshot(entry.replay_id)
    return ReplayResult(
        status="success" if succeeded else "failed",
        original_saga_id=entry.original_saga_id,
        new_saga_id=entry.replay_id,
        error_message=error,
        compensation=saga.compensation if saga else "none",
        context=latest.context if latest else {},
        started_at=entry.started_at,
        finished_at=finished_at,
    )


def check_request_id(request_id: str) -> None:
    """Raise UsageError unless this can name a call."""
    if not 1 <= len(request_id) <= LONGEST or not request_id.isprintable():
        raise UsageError(
            f"a request id has 1 to {LONGEST} printable characters; {request_id!r} has not"
        )
