"""The rehearsal of a replay: its steps walked by the engine, each with a stand-in for its effects.

Whatever it writes goes to a store in memory; no action and no compensation is called.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sagaz_core.errors import StorageError
from sagaz_core.history.diff import diff
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import (
    Difference,
    PlannedStep,
    Rehearsal,
    RehearsedStep,
    ReplayPlan,
    SagaResult,
    SagaSnapshot,
    StepError,
    StepRecord,
)
from sagaz_core.process import process_owner
from sagaz_core.replay.pointer import split_pointer
from sagaz_core.replay.recorded import Change
from sagaz_core.replay.recording import recording_config
from sagaz_core.replay.sources import LOOKED_AT, Source, find_sources, find_undoings, out_of_reach
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.origin import Origin, RecordedAs
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.copying import copy_sagas
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

MOST_COPIED: Final = 10_000
"""A family of more checkpoints is not copied to stand beside its rehearsal."""


async def rehearse(
    storage: SnapshotStorage,
    plan: ReplayPlan,
    saga: Saga,
    start: StartPoint,
    snapshot: SagaSnapshot,
    *,
    rehearsal_id: str,
) -> tuple[SagaResult, Rehearsal, str | None]:
    """Walk a valid plan without its effects.

    Args:
        storage: where the original is; it is only read.
        plan: what is rehearsed.
        saga: the saga as its code makes it.
        start: the state it starts from.
        snapshot: the checkpoint it grows from.
        rehearsal_id: the id of the history that it makes.

    Returns:
        How it ended, what it did, and, where it stopped, why.
    """
    steps = await saga.prepare()
    sources = await find_sources(storage, plan, start, steps)
    undoings = await find_undoings(storage, plan.saga_id, steps)
    unknown = [name for name, source in sources.items() if source.known_from == "unknown"]
    lost = out_of_reach(steps, start, unknown)
    memory = InMemorySnapshotStorage(compliance=storage.compliance)
    await _copy_family(storage, memory, plan.root_id)
    lease = await memory.acquire_lease(plan.root_id, owner=process_owner(), holder=rehearsal_id)
    outcome = await saga.execute_from(
        replace(start, unknown=lost),
        RecordedAs(
            saga_id=rehearsal_id,
            storage=memory,
            config=recording_config(saga.config, snapshot),
            origin=Origin(
                root_id=plan.root_id,
                parent_id=plan.saga_id,
                parent_sequence=snapshot.sequence,
                lease=lease,
            ),
        ),
        stand_in=lambda step: _stand_in(step, sources.get(step.name), undoings.get(step.name)),
    )
    await lease.release()
    rehearsal = Rehearsal(
        storage=memory,
        saga_id=rehearsal_id,
        steps=await _steps(memory, rehearsal_id, plan, sources, undoings),
        unknown_from=lost[0] if lost and outcome.status == "stopped" else None,
        changes=tuple(
            diff(
                await storage.mask((), snapshot.state),
                await storage.mask((), {**outcome.context, **outcome.results}),
            )
        ),
    )
    message = None
    if rehearsal.unknown_from is not None:
        message = _nothing_known(rehearsal.unknown_from, plan)
    return outcome, rehearsal, message


async def _copy_family(storage: SnapshotStorage, memory: SnapshotStorage, root_id: str) -> None:
    """Put the original beside its rehearsal, so that the two can be compared."""
    family = await storage.list_family(root_id)
    if sum(saga.checkpoints for saga in family) > MOST_COPIED:
        return
    try:
        await copy_sagas(storage, memory, root_id=root_id)
    except StorageError as error:
        _log.warning("the family of %r could not be copied for its rehearsal: %s", root_id, error)


def _nothing_known(step: str, plan: ReplayPlan) -> str:
    return (
        f"from step {step!r} on nothing is known: it has no simulate= function, {plan.saga_id} "
        f"has not recorded what it does, and none of the latest {LOOKED_AT} successful sagas "
        f"called {plan.saga_name} has with the code it has now; give the step a simulate= function"
    )


# ---------------------------------------------------------------- in place of the effects


def _stand_in(step: Step, source: Source | None, undoing: Change | None) -> Step:
    return replace(
        step,
        action=_action(step, source),
        compensation=_compensation(undoing) if step.compensation is not None else None,
    )


def _action(step: Step, source: Source | None) -> Callable[[Any], Any]:
    if source is not None and source.known_from == "simulate" and step.simulate is not None:
        return step.simulate
    change = source.change if source is not None else None
    if change is None:
        return _never
    return _doing(change, step.timeout)


def _doing(change: Change, timeout: float | None) -> Callable[[StepContext], Awaitable[Any]]:
    async def do(context: StepContext) -> Any:
        if timeout is not None and change.duration > timeout:
            # It would take longer than it may: the engine is left to say so.
            await asyncio.Event().wait()
        _apply(change, context)
        return change.result

    return do


def _compensation(change: Change | None) -> Callable[[Any, StepContext], Awaitable[None]]:
    async def undo(_result: Any, context: StepContext) -> None:
        if change is not None:
            _apply(change, context)

    return undo


async def _never(context: StepContext) -> None:
    raise AssertionError(f"step {context.step!r} has no stand-in, and must not have been begun")


def _apply(change: Change, context: StepContext) -> None:
    context.update(change.values)
    for key in change.removed:
        context.pop(key, None)


# ---------------------------------------------------------------- what came of it


async def _steps(
    memory: SnapshotStorage,
    saga_id: str,
    plan: ReplayPlan,
    sources: Mapping[str, Source],
    undoings: Mapping[str, Change],
) -> tuple[RehearsedStep, ...]:
    timeline = await memory.list_checkpoints(saga_id)
    records = {record.name: record for entry in timeline for record in entry.step_records}
    undone = {entry.step_name for entry in timeline if entry.kind == "after_compensation"}
    changes = await _changes_by_step(memory, saga_id)
    return tuple(
        _step(
            planned,
            sources.get(planned.name),
            records.get(planned.name),
            changes=tuple(changes.get(planned.name, ())),
            undone=planned.name in undone,
            undoing_known=planned.name in undoings,
        )
        for planned in plan.steps
    )


def _step(
    planned: PlannedStep,
    source: Source | None,
    record: StepRecord | None,
    *,
    changes: tuple[Difference, ...],
    undone: bool,
    undoing_known: bool,
) -> RehearsedStep:
    if source is None:
        kept = planned.fate == "restored_in_name"
        return RehearsedStep(
            name=planned.name,
            outcome="restored_in_name" if kept else "restored",
            undone=undone,
            undoing_known=undone and undoing_known,
        )
    return RehearsedStep(
        name=planned.name,
        outcome="not_reached" if record is None else record.outcome,
        known_from=source.known_from,
        known_saga=source.change.saga_id if source.change is not None else None,
        note=source.note,
        error=_last_error(record),
        undone=undone,
        undoing_known=undone and undoing_known,
        changes=changes,
    )


def _last_error(record: StepRecord | None) -> StepError | None:
    return record.attempts[-1].error if record is not None and record.attempts else None


async def _changes_by_step(
    memory: SnapshotStorage, saga_id: str
) -> Mapping[str, Sequence[Difference]]:
    """Return what each step changed on the way forward."""
    found: dict[str, list[Difference]] = {}
    for moment in await SagaTimeTravel.list_state_changes(
        saga_id=saga_id, snapshot_storage=memory, limit=None
    ):
        if moment.status == "compensating":
            continue
        for change in moment.changes:
            step = moment.caused_by.get(split_pointer(change.path)[0])
            if step is not None:
                found.setdefault(step, []).append(change)
    return found
