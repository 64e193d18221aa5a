"""Going on with an interrupted run, as the same saga: what was recorded is not done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, get_args

from sagaz_core.errors import (
    AmbiguousSagaError,
    NotResumableError,
    ReadOnlyStoreError,
    SagaClassNotFoundError,
    SagaDefinitionError,
    SagaFactoryError,
    UsageError,
)
from sagaz_core.model import (
    ReplayResult,
    SagaSummary,
)
from sagaz_core.replay.drift import compare_steps
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.factory import (
    SagaFactory,
    build_saga,
    make_saga,
    resolve_class,
    saga_of_class,
)
from sagaz_core.replay.fates import InDoubt
from sagaz_core.replay.resume_doubt import find_doubt, make_resumption
from sagaz_core.replay.resume_running import go_on
from sagaz_core.replay.resume_state import Interrupted, read_interrupted
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.step import Step
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.lease import in_progress
from sagaz_core.storage.storage import SnapshotStorage

_NO_CODE: Final = (
    SagaClassNotFoundError,
    AmbiguousSagaError,
    SagaFactoryError,
    SagaDefinitionError,
)


async def resume_saga(
    storage: SnapshotStorage,
    saga_id: str,
    *,
    in_doubt: InDoubt | None,
    factory: SagaFactory | None,
    by: str,
    reason: str | None,
    tell_code: Callable[[Saga | EngineCode], None],
) -> ReplayResult:
    """Go on with an interrupted saga; see :meth:`SagaReplay.resume`.

    ``tell_code`` gets what is about to run.
    """
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
    saga = await storage.get_saga(saga_id) or await _not_there(storage, saga_id)
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
        problem = await storage.strike_secrets(str(error), interrupted.state.context)
        return _invalid(saga, f"saga {saga_id!r} cannot be resumed: {problem}")
    if isinstance(code, EngineCode):
        interrupted = _as_engine_goes_on(interrupted, in_doubt)
        if in_doubt is None:
            return _invalid(saga, _engine_question(interrupted), in_doubt=True)
    else:
        problems = compare_steps(
            interrupted.steps, [step.info for step in steps], interrupted.state.completed_steps
        )
        if problems:
            reasons = "; ".join(problem.message for problem in problems)
            return _invalid(saga, f"saga {saga_id!r} cannot be resumed: {reasons}")
    doubt = find_doubt(interrupted, steps)
    if doubt and in_doubt is None:
        return _invalid(saga, doubt.question, in_doubt=True)
    resumption = make_resumption(interrupted, steps, in_doubt, by)
    tell_code(code)
    return await go_on(storage, interrupted, family, code, resumption, by, reason)


def _invalid(saga: SagaSummary, message: str, *, in_doubt: bool = False) -> ReplayResult:
    return ReplayResult(
        status="invalid",
        original_saga_id=saga.parent_id or saga.saga_id,
        new_saga_id=saga.saga_id,
        error_message=message,
        in_doubt=in_doubt,
    )


# ---------------------------------------------------------------- whether it may go on


async def _not_there(storage: SnapshotStorage, saga_id: str) -> SagaSummary:
    """Say why there is no such saga."""
    entry = await storage.get_replay_log(saga_id)
    if entry is None:
        return await storage.get_existing_saga(saga_id)
    raise NotResumableError(
        f"replay {saga_id!r} was interrupted before it did anything, so there is nothing to go on "
        f"with; replay {entry.original_saga_id!r} again"
    )


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


def _as_engine_goes_on(interrupted: Interrupted, in_doubt: InDoubt | None) -> Interrupted:
    """Return the run as one that goes on forward, which is all that an engine can be asked for."""
    saga_id, in_flight = interrupted.summary.saga_id, interrupted.in_flight
    if not in_flight:
        raise NotResumableError(
            f"saga {saga_id!r} cannot be resumed by an engine of your own: no step was under way "
            "when it was interrupted, and only the engine knows which one comes next; replay it "
            "from that step"
        )
    if in_doubt == "skip":
        raise NotResumableError(
            f"saga {saga_id!r} cannot be resumed with {in_flight[0]!r} taken as done: only its "
            "engine knows which step comes next; replay it from that step, or choose "
            "in_doubt='retry' (--in-doubt retry) to run this one again"
        )
    return replace(interrupted, failure=None)


def _engine_question(interrupted: Interrupted) -> str:
    step = interrupted.in_flight[0]
    return (
        f"saga {interrupted.summary.saga_id!r} was interrupted while {step!r} was under way, and "
        "whether it happened is not known; find out, then choose in_doubt='retry' (--in-doubt "
        "retry) if it did not, or replay it from the step after it if it did"
    )


async def _load_code(
    interrupted: Interrupted, factory: SagaFactory | None
) -> tuple[Saga | EngineCode, tuple[Step, ...]]:
    saga, recorded_code = interrupted.summary, interrupted.run.code or interrupted.summary.code
    if factory is None:
        if not recorded_code:
            raise SagaClassNotFoundError(
                "it was recorded by another engine, which alone knows its code; go on with it "
                "there, or give a saga_factory, --factory module:name"
            )
        saga_class = resolve_class(saga.saga_name, recorded_code)
        made: Saga | EngineCode = saga_of_class(saga_class, interrupted.state.context)
    else:
        made = await make_saga(factory, interrupted.state.context)
    return made, await build_saga(made)
