"""What a replay would do, step by step, and everything that stands against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagaz_core.config import RECORDING_BY_DEFAULT
from sagaz_core.errors import (
    SnapshotNotFoundError,
)
from sagaz_core.model import (
    PlannedOverride,
    PlanProblem,
    ReplayPlan,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
    StepInfo,
)
from sagaz_core.replay.checkpoint import find_checkpoint, read_ahead, recorded_steps
from sagaz_core.replay.correction import (
    Corrected,
    check_model,
    check_size,
    correct,
    lost_values,
)
from sagaz_core.replay.digest import digest
from sagaz_core.replay.drift import compare_steps, find_drift
from sagaz_core.replay.effects import FamilyEffects, family_effects
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.fates import (
    Fates,
    check_failure,
    check_redo,
    decide_fates,
)
from sagaz_core.replay.key_use import add_use
from sagaz_core.replay.loaded_code import NO_CODE, LoadedCode, load_code
from sagaz_core.replay.look import Look
from sagaz_core.replay.pointer import split_pointer
from sagaz_core.replay.request import Request
from sagaz_core.replay.secrecy import check_masked, check_secrets
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.start import StartPoint
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.storage import SnapshotStorage


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A plan with what is needed to follow it; ``start`` and ``saga`` are there if it is valid."""

    plan: ReplayPlan
    summary: SagaSummary
    family: FamilyRow | None = None
    """Who may act, as it was before anything else was read."""
    effects: FamilyEffects | None = None
    snapshot: SagaSnapshot | None = None
    saga: Saga | EngineCode | None = None
    start: StartPoint | None = None


@dataclass(frozen=True, kw_only=True)
class _Past:
    """What the store knows of the saga and its family."""

    summary: SagaSummary
    run: RunInfo
    steps: tuple[StepInfo, ...]
    effects: FamilyEffects
    family: FamilyRow | None

    @property
    def fence(self) -> int:
        return self.family.fence if self.family else 0

    @property
    def recovered_by(self) -> str | None:
        """As of the moment of the fence: whoever recovers the family later has raised it."""
        return self.family.recovered_by if self.family else None


async def make_plan(storage: SnapshotStorage, request: Request, look: Look | None = None) -> Draft:
    """Find out what a replay would do. Nothing is written and no action is called.

    Args:
        storage: where the saga is.
        request: what is wanted.
        look: what was just seen of its family, if anything.

    Raises:
        SagaNotFoundError: there is no such saga. Everything else is a problem of the plan.
    """
    look = look or await Look.at(storage, request.saga_id)
    await read_ahead(look, request.saga_id)
    past = await _read_past(look, request.saga_id)
    try:
        snapshot = await find_checkpoint(
            storage, look, request.saga_id, past.steps, request.from_step, request.snapshot_id
        )
    except SnapshotNotFoundError as error:
        problem = PlanProblem(code="checkpoint_missing", message=str(error), step=request.from_step)
        return Draft(plan=_plan(request, past, problems=[problem]), summary=past.summary)
    names = {step.name for step in past.steps}
    corrected = correct(snapshot.context, request.correction, names)
    corrected.overrides = [await _masked(storage, override) for override in corrected.overrides]
    code = await load_code(
        past.summary.saga_name,
        past.run.code or past.summary.code,
        corrected.context,
        factory=request.factory,
        timeout=request.factory_timeout,
    )
    fates = decide_fates(
        saga_id=request.saga_id,
        run=past.run,
        snapshot=snapshot,
        steps=code.steps or past.steps,
        drift=find_drift(past.run.steps, code.steps) if code.tells_steps else {},
        effects=past.effects,
        compensated=request.compensated,
        in_doubt=request.in_doubt,
    )
    problems = [
        *_check_recovered(request, past.recovered_by),
        *corrected.problems,
        *code.problems,
        *_check_context(corrected.context, code),
        *fates.problems,
        *await check_secrets(storage, snapshot),
        *check_masked(corrected.context, fates.steps, request.saga_id, past.run, past.effects),
        *check_failure(request.fails_at, fates.steps),
    ]
    if isinstance(code.saga, EngineCode):
        problems += check_redo(fates)
    if code.tells_steps:
        problems += compare_steps(past.steps, code.steps, snapshot.completed_steps)
    problems = [
        # A model's or a factory's own words may tell what they were given.
        replace(
            each,
            message=await storage.strike_secrets(
                each.message, snapshot.context, snapshot.results, corrected.context
            ),
        )
        for each in problems
    ]
    plan = _plan(
        request,
        past,
        snapshot=snapshot,
        corrected=corrected,
        code=code,
        fates=fates,
        problems=problems,
    )
    return Draft(
        plan=plan,
        summary=past.summary,
        snapshot=snapshot,
        family=past.family,
        effects=past.effects,
        saga=code.saga,
        start=_start_point(request, snapshot, corrected.context, fates) if plan.valid else None,
    )


# ---------------------------------------------------------------- what is there


async def _read_past(look: Look, saga_id: str) -> _Past:
    effects = await family_effects(look)
    run = look.run(saga_id)
    return _Past(
        summary=look.summary(saga_id),
        run=run,
        steps=recorded_steps(run, look.timeline(saga_id), await look.latest(saga_id)),
        effects=effects,
        # Read first: whoever acts after this has raised the fence by the time we run.
        family=look.family,
    )


def _check_context(context: Mapping[str, Any], code: LoadedCode) -> list[PlanProblem]:
    config = (code.saga.config.replay_config if code.saga else None) or RECORDING_BY_DEFAULT
    return [
        *check_size(context, config.max_context_bytes),
        *check_model(code.model, context),
    ]


def _check_recovered(request: Request, recovered_by: str | None) -> list[PlanProblem]:
    if recovered_by is None or request.again:
        return []
    return [
        PlanProblem(
            code="recovered",
            message=f"{recovered_by} of this family has succeeded already, and what runs "
            "now would happen a second time; if that is what you want, say again=True (--again)",
        )
    ]


# ---------------------------------------------------------------- what comes of it


def _plan(
    request: Request,
    past: _Past,
    *,
    problems: list[PlanProblem],
    snapshot: SagaSnapshot | None = None,
    corrected: Corrected | None = None,
    code: LoadedCode = NO_CODE,
    fates: Fates | None = None,
) -> ReplayPlan:
    overrides = add_use(
        corrected.overrides if corrected else (),
        fates.steps if fates else (),
        saga_id=request.saga_id,
        run=past.run,
        effects=past.effects,
    )
    return ReplayPlan(
        saga_id=request.saga_id,
        saga_name=past.summary.saga_name,
        root_id=past.summary.root_id,
        from_step=request.from_step,
        snapshot_id=snapshot.snapshot_id if snapshot else None,
        sequence=snapshot.sequence if snapshot else None,
        taken_at=snapshot.created_at if snapshot else None,
        steps=fates.steps if fates else (),
        overrides=overrides,
        problems=tuple(problems),
        notes=tuple(_notes(request, past, corrected, snapshot)),
        compensated=request.compensated,
        force_failure=request.fails_at is not None,
        fails_at=request.fails_at,
        running=past.family.holder if past.family is not None and past.family.held else None,
        digest=digest(
            snapshot=snapshot,
            from_step=request.from_step,
            overrides=overrides,
            choices=(request.compensated, request.in_doubt, request.fails_at, request.again),
            code=code.name,
            steps=code.steps,
            fence=past.fence,
            effects=past.effects,
        ),
    )


async def _masked(storage: SnapshotStorage, override: PlannedOverride) -> PlannedOverride:
    """Return an override as it may be shown: a secret's old and new value are not."""
    path = split_pointer(override.path)
    return replace(
        override,
        before=await storage.mask(path, override.before),
        after=await storage.mask(path, override.after),
    )


def _notes(
    request: Request, past: _Past, corrected: Corrected | None, snapshot: SagaSnapshot | None
) -> list[str]:
    notes = []
    if past.family is not None and past.family.held:
        notes.append(
            f"{past.family.holder} of this family is running, by {past.family.owner}: "
            "a replay is refused until it has ended"
        )
    if past.recovered_by is not None and request.again:
        notes.append(
            f"{past.recovered_by} of this family has succeeded already; "
            "what runs now happens a second time"
        )
    if corrected is not None and snapshot is not None:
        notes += lost_values({**snapshot.results, **corrected.context})
    return notes


def _start_point(
    request: Request, snapshot: SagaSnapshot, context: dict[str, Any], fates: Fates
) -> StartPoint:
    return StartPoint(
        context=context,
        results={
            name: result for name, result in snapshot.results.items() if name in fates.restored
        },
        restored=fates.restored,
        kept=fates.kept,
        redo=fates.redo,
        from_step=request.from_step,
        origins=fates.origins,
        force_failure=request.fails_at,
    )
