"""Going on with an interrupted run, as the same saga: what was recorded is not done again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final, Literal, get_args

from sagaz_core.errors import (
    AmbiguousSagaError,
    NotResumableError,
    PlanChangedError,
    ReadOnlyStoreError,
    SagaClassNotFoundError,
    SagaDefinitionError,
    SagaFactoryError,
    SagaNotFoundError,
    StorageError,
    UsageError,
)
from sagaz_core.model import (
    ReplayResult,
    SagaResult,
    SagaSummary,
    Status,
    utc_now,
)
from sagaz_core.replay.drift import compare_steps
from sagaz_core.replay.factory import (
    SagaFactory,
    build_saga,
    class_factory,
    make_saga,
    resolve_class,
)
from sagaz_core.replay.fates import InDoubt
from sagaz_core.replay.recording import recording_config
from sagaz_core.replay.resume_doubt import find_doubt, make_resumption
from sagaz_core.replay.resume_state import Interrupted, read_interrupted
from sagaz_core.saga import recording
from sagaz_core.saga.calling import describe_error
from sagaz_core.saga.process import process_owner
from sagaz_core.saga.resumed_run import Resumption
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.step import Step
from sagaz_core.storage.backends.base import FamilyRow
from sagaz_core.storage.lease import Lease, in_progress
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

_NO_CODE: Final = (
    SagaClassNotFoundError,
    AmbiguousSagaError,
    SagaFactoryError,
    SagaDefinitionError,
)

_LOGGED: Final[dict[Status, Literal["success", "failed"]]] = {
    "completed": "success",
    "failed": "failed",
}


async def resume_saga(
    storage: SnapshotStorage,
    saga_id: str,
    *,
    in_doubt: InDoubt | None,
    factory: SagaFactory | None,
    by: str,
) -> ReplayResult:
    """Go on with an interrupted saga; see :meth:`SagaReplay.resume`."""
    if in_doubt is not None and in_doubt not in get_args(InDoubt):
        raise UsageError(
            f"in_doubt is {in_doubt!r}; use one of {', '.join(get_args(InDoubt))}, or None to be "
            "asked"
        )
    if storage.read_only:
        raise ReadOnlyStoreError(
            f"{storage.name} was opened to look only, and a saga that goes on writes to it; open "
            "it for writing"
        )
    saga = await storage.get_saga(saga_id)
    if saga is None:
        raise SagaNotFoundError(saga_id)
    # The lease is read first: whoever acts after this has raised the fence by the time we run.
    family = await storage.get_family(saga.root_id)
    saga = await storage.get_saga(saga_id) or saga
    _check_interrupted(saga, family)
    assert family is not None
    await _check_latest(storage, saga, family)
    interrupted = await read_interrupted(storage, saga)
    try:
        code, steps = await _load_code(interrupted, factory)
    except _NO_CODE as error:
        return _invalid(saga, f"saga {saga_id!r} cannot be resumed: {error}")
    problems = compare_steps(
        interrupted.steps, [step.info for step in steps], interrupted.state.completed_steps
    )
    if problems:
        reasons = "; ".join(problem.message for problem in problems)
        return _invalid(saga, f"saga {saga_id!r} cannot be resumed: {reasons}")
    doubt = find_doubt(interrupted, steps)
    if doubt and in_doubt is None:
        return _invalid(saga, doubt.question)
    resumption = make_resumption(interrupted, steps, in_doubt, by)
    return await _go_on(storage, interrupted, family, code, resumption)


def _invalid(saga: SagaSummary, message: str) -> ReplayResult:
    return ReplayResult(
        status="invalid",
        original_saga_id=saga.parent_id or saga.saga_id,
        new_saga_id=saga.saga_id,
        error_message=message,
    )


# ---------------------------------------------------------------- whether it may go on


def _check_interrupted(saga: SagaSummary, family: FamilyRow | None) -> None:
    if saga.status in ("completed", "failed"):
        raise NotResumableError(
            f"saga {saga.saga_id!r} has {saga.status}: only one that was interrupted can be "
            "resumed" + ("; replay it from the step that failed" if saga.status == "failed" else "")
        )
    if family is None:
        raise NotResumableError(
            f"saga {saga.saga_id!r} was recorded without a lease, so whether its program still "
            "runs is not known; replay it once you know that it does not"
        )
    if family.held:
        raise in_progress(family)


async def _check_latest(storage: SnapshotStorage, saga: SagaSummary, family: FamilyRow) -> None:
    """Refuse a run after which another run of its family has acted."""
    if family.holder != saga.saga_id and await storage.get_saga(family.holder) is not None:
        raise NotResumableError(
            f"saga {saga.saga_id!r} cannot be resumed: {family.holder} of its family has run "
            "since; replay it instead, or look at that one"
        )


# ---------------------------------------------------------------- going on


async def _load_code(
    interrupted: Interrupted, factory: SagaFactory | None
) -> tuple[Saga, tuple[Step, ...]]:
    saga = interrupted.summary
    if factory is None:
        factory = class_factory(resolve_class(saga.saga_name, interrupted.run.code or saga.code))
    made = await make_saga(factory, interrupted.state.context)
    return made, await build_saga(made)


async def _go_on(
    storage: SnapshotStorage,
    interrupted: Interrupted,
    family: FamilyRow,
    code: Saga,
    resumption: Resumption,
) -> ReplayResult:
    saga, started_at = interrupted.summary, utc_now()
    lease = await storage.acquire_lease(
        saga.root_id,
        owner=process_owner(),
        holder=saga.saga_id,
        expect_fence=family.fence,
        term=recording.LEASE_TERM,
    )
    outcome: SagaResult | None = None
    try:
        await _check_unchanged(storage, saga)
        outcome = await code.execute_resumed(
            resumption,
            saga_id=saga.saga_id,
            snapshot_storage=storage,
            config=recording_config(code.config, interrupted.state),
            lease=lease,
            root_id=saga.root_id,
        )
    finally:
        await asyncio.shield(_close(storage, saga.saga_id, lease, outcome))
    return ReplayResult(
        status="success" if outcome.status == "completed" else "failed",
        original_saga_id=saga.parent_id or saga.saga_id,
        new_saga_id=saga.saga_id,
        error_message=_error_message(outcome),
        compensation=outcome.compensation,
        context=outcome.context,
        started_at=started_at,
        finished_at=utc_now(),
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
    storage: SnapshotStorage, saga_id: str, lease: Lease, outcome: SagaResult | None
) -> None:
    """Give the lease back, and write down how a replay ended. A store that is gone changes nothing.

    One that another run has taken over is that run's to tell of, and its log is left alone.
    """
    try:
        held = await lease.release()
        saga = await storage.get_saga(saga_id)
        entry = await storage.get_replay_log(saga_id)
        if held and entry is not None and saga is not None and saga.status in _LOGGED:
            message = _error_message(outcome) if outcome else saga.error
            await storage.save_replay_log(
                replace(
                    entry,
                    finished_at=utc_now(),
                    outcome=_LOGGED[saga.status],
                    error_message=message,
                )
            )
    except StorageError as error:
        _log.error("how saga %r ended could not be written to its log: %s", saga_id, error)


def _error_message(outcome: SagaResult) -> str | None:
    error = outcome.error
    if error is None:
        return None
    described = describe_error(error).headline
    return f"{outcome.failed_step}: {described}" if outcome.failed_step else described
