"""Running a plan: a new saga of the family, under its lease, with its line in the replay log."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from sagaz_core.errors import (
    PlanChangedError,
    SagazError,
    StorageError,
    StoreLostError,
)
from sagaz_core.model import (
    ReplayLogEntry,
    ReplayResult,
    SagaResult,
    SagaSnapshot,
    SagaSummary,
    utc_now,
)
from sagaz_core.process import process_owner
from sagaz_core.replay.earlier_call import find_call
from sagaz_core.replay.effects import family_effects
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.error_message import error_message
from sagaz_core.replay.look import Look, only_original
from sagaz_core.replay.plan import Draft
from sagaz_core.replay.plan_data import plan_data
from sagaz_core.replay.recording import recording_config
from sagaz_core.saga import recording
from sagaz_core.saga.origin import Origin, RecordedAs
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.start import StartPoint
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.replay_ids import stem
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks for a replay, why, and under which id of the caller's own."""

    initiated_by: str
    reason: str | None = None
    request_id: str | None = None
    begun: ReplayLogEntry | None = None
    """What an earlier call of this request id has named, and never began."""


async def run_plan(storage: SnapshotStorage, draft: Draft, call: Call) -> ReplayResult:
    """Run a valid plan to its end, unless anything has happened in the family since it was made.

    The log names the new saga before any action runs.

    Raises:
        PlanChangedError: another run of this family has acted since, or this very request has.
        ReplayInProgressError: a run of this family is alive.
    """
    storage.require("replay")
    plan, family = draft.plan, draft.family
    assert draft.saga is not None
    assert draft.start is not None
    assert draft.snapshot is not None
    entry = ReplayLogEntry(
        replay_id=call.begun.replay_id if call.begun else await _next_id(storage, draft),
        original_saga_id=plan.saga_id,
        from_step=plan.from_step,
        snapshot_id=plan.snapshot_id,
        sequence=plan.sequence,
        override=plan.overrides,
        initiated_by=call.initiated_by,
        reason=call.reason,
        plan=plan_data(plan),
        request_id=call.request_id,
    )
    lease = await storage.acquire_lease(
        plan.root_id,
        owner=process_owner(),
        holder=entry.replay_id,
        expect_fence=family.fence if family else 0,
        term=recording.LEASE_TERM,
    )
    try:
        await _check_unchanged(storage, draft, call)
        await storage.save_replay_log(entry, original=draft.summary)
    except BaseException:
        await lease.release()
        raise
    return await _run(storage, draft, entry, lease, draft.saga, draft.start, draft.snapshot)


def _never_replayed(draft: Draft) -> bool:
    """Whether nobody but the original itself had held its family's lease when it was planned."""
    return only_original(draft.family, draft.plan.root_id)


async def _check_unchanged(storage: SnapshotStorage, draft: Draft, call: Call) -> None:
    """See, now that nobody else can act, that what the plan was made from is still so."""
    if call.request_id is not None and (call.begun or not _never_replayed(draft)):
        found = await find_call(storage, draft.plan.saga_id, call.request_id, draft.plan.from_step)
        begun = call.begun is not None and await storage.get_saga(call.begun.replay_id) is not None
        if found != call.begun or begun:
            raise PlanChangedError(["another call of the same request has begun it since"])
    family = draft.family
    # The fence tells of every other run but one that had let its lease lapse and woke up since.
    lapsed = family is not None and family.alive_until is not None
    if lapsed and await family_effects(await Look.at(storage, draft.plan.root_id)) != draft.effects:
        raise PlanChangedError(["another run of this family has acted since"])


async def _run(
    storage: SnapshotStorage,
    draft: Draft,
    entry: ReplayLogEntry,
    lease: Lease,
    saga: Saga | EngineCode,
    start: StartPoint,
    snapshot: SagaSnapshot,
) -> ReplayResult:
    outcome: SagaResult | None = None
    message: str | None = "it was stopped before its end"
    try:
        outcome = await saga.execute_from(
            start,
            RecordedAs(
                saga_id=entry.replay_id,
                storage=storage,
                config=recording_config(saga.config, snapshot),
                origin=Origin(
                    root_id=draft.plan.root_id,
                    parent_id=draft.plan.saga_id,
                    parent_sequence=snapshot.sequence,
                    lease=lease,
                ),
            ),
        )
        message = error_message(storage, outcome)
    except SagazError as error:
        message = storage.strike(entry.replay_id, str(error))
    finally:
        succeeded = outcome is not None and outcome.status == "completed"
        entry = replace(
            entry,
            finished_at=utc_now(),
            outcome="success" if succeeded else "failed",
            error_message=message,
        )
        await asyncio.shield(close_log(storage, entry, lease, outcome, draft.summary))
    return ReplayResult(
        status="success" if succeeded else "failed",
        original_saga_id=entry.original_saga_id,
        new_saga_id=entry.replay_id,
        error_message=entry.error_message,
        plan=draft.plan,
        compensation=outcome.compensation if outcome else "none",
        context=outcome.context if outcome else {},
        started_at=entry.started_at,
        finished_at=entry.finished_at,
        capture_errors=outcome.capture_errors if outcome else 0,
    )


async def _next_id(storage: SnapshotStorage, draft: Draft) -> str:
    begin = stem(draft.plan.root_id)
    number = len(draft.effects.saga_ids) if draft.effects else 1
    # A saga of another family may have such an id, given to it by its user.
    logged = not _never_replayed(draft)
    while await storage.get_saga(f"{begin}~r{number}") is not None or (
        logged and await storage.get_replay_log(f"{begin}~r{number}") is not None
    ):
        number += 1
    return f"{begin}~r{number}"


async def close_log(
    storage: SnapshotStorage,
    entry: ReplayLogEntry,
    lease: Lease,
    outcome: SagaResult | None,
    original: SagaSummary | None = None,
) -> None:
    """Write down how the replay ended. It has ended: a store that is gone changes nothing.

    One that another run has taken over is that run's to tell of, and its log is left alone. So is
    that of one that lost its store and can be resumed.
    """
    if outcome is not None and isinstance(outcome.error, StoreLostError):
        return
    try:
        if outcome is not None and outcome.status == "completed":
            await lease.release()
            await storage.save_replay_log(entry, original=original)
        elif await lease.release() or not await _is_taken_over(storage, lease):
            await storage.save_replay_log(entry)
    except StorageError as error:
        _log.error(
            "replay %r ended with %s, which could not be written to its log: %s",
            entry.replay_id,
            entry.outcome,
            error,
        )


async def _is_taken_over(storage: SnapshotStorage, lease: Lease) -> bool:
    """Whether another run has acted in the family since this one did, which may not know of it."""
    family = await storage.get_family(lease.root_id)
    return family is not None and family.fence != lease.fence
