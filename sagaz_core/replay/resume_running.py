"""Running the rest of an interrupted saga, under its family's lease."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from sagaz_core.errors import (
    LeaseLostError,
    PlanChangedError,
    StorageError,
    StoreLostError,
)
from sagaz_core.model import ReplayResult, SagaResult, SagaSummary, utc_now
from sagaz_core.process import process_owner
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.error_message import error_message
from sagaz_core.replay.recording import recording_config
from sagaz_core.replay.resume_state import Interrupted
from sagaz_core.saga import recording
from sagaz_core.saga.origin import Origin, RecordedAs
from sagaz_core.saga.resumed_run import Resumption
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

_ENDED: Final[dict[str, Literal["success", "failed"]]] = {
    "completed": "success",
    "failed": "failed",
}


async def go_on(
    storage: SnapshotStorage,
    interrupted: Interrupted,
    family: FamilyRow,
    code: Saga | EngineCode,
    resumption: Resumption,
    by: str,
    reason: str | None,
) -> ReplayResult:
    """Take the family's lease, run to the end, and return how that went.

    Raises:
        ReplayInProgressError: a run of this family is alive.
        PlanChangedError: something has happened in it since ``family`` and the run were read.
        SnapshotCaptureError: that it goes on could not be recorded: nothing has run.
    """
    storage.require("replay")
    saga, started_at = interrupted.summary, utc_now()
    lease = await storage.acquire_lease(
        saga.root_id,
        owner=process_owner(),
        holder=saga.saga_id,
        expect_fence=family.fence,
        term=recording.LEASE_TERM,
    )
    outcome: SagaResult | None = None
    finished_at = started_at
    try:
        await _check_unchanged(storage, saga)
        details = {"how": resumption.label, "reason": reason}
        await storage.record_event(saga.saga_id, "resumed", by=by, details=details)
        outcome = await code.execute_resumed(
            resumption,
            RecordedAs(
                saga_id=saga.saga_id,
                storage=storage,
                config=recording_config(code.config, interrupted.state),
                origin=Origin(root_id=saga.root_id, lease=lease),
            ),
        )
    finally:
        finished_at = utc_now()
        await asyncio.shield(_close(storage, saga.saga_id, by, lease, outcome, finished_at))
    return ReplayResult(
        status=_ENDED[outcome.status],
        original_saga_id=saga.parent_id or saga.saga_id,
        new_saga_id=saga.saga_id,
        error_message=error_message(storage, outcome),
        compensation=outcome.compensation,
        context=outcome.context,
        started_at=started_at,
        finished_at=finished_at,
        capture_errors=outcome.capture_errors,
    )


async def _check_unchanged(storage: SnapshotStorage, saga: SagaSummary) -> None:
    """See that a holder which had let its lease lapse has not woken up before we took it."""
    now = await storage.get_saga(saga.saga_id)
    if (
        now is None
        or now.status in ("completed", "failed")
        or (now.checkpoints != saga.checkpoints)
    ):
        raise PlanChangedError(["the saga itself has gone on since"])


async def _close(
    storage: SnapshotStorage,
    saga_id: str,
    by: str,
    lease: Lease,
    outcome: SagaResult | None,
    finished_at: datetime,
) -> None:
    """Give the lease back, and write down how a replay ended; a store that is gone is no error.

    One that another run has taken over is that run's to tell of, and its log is left alone. So is
    that of one that lost its store and can be resumed.
    """
    if outcome is not None and isinstance(outcome.error, StoreLostError):
        return
    try:
        taken_over = outcome is not None and isinstance(outcome.error, LeaseLostError)
        if not await lease.release() and taken_over:
            return
        saga = await storage.get_saga(saga_id)
        if saga is None or saga.status not in _ENDED:
            return
        details = {"outcome": _ENDED[saga.status]}
        await storage.record_event(saga_id, "resume ended", by=by, details=details)
        entry = await storage.get_replay_log(saga_id)
        if entry is not None:
            message = error_message(storage, outcome) if outcome else saga.error
            ended = replace(
                entry,
                finished_at=finished_at,
                outcome=_ENDED[saga.status],
                error_message=message,
            )
            await storage.save_replay_log(ended)
    except StorageError as error:
        _log.error("how saga %r ended could not be written to its log: %s", saga_id, error)
