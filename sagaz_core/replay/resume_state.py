"""How an interrupted run stood when it stopped, as far as its checkpoints tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagaz_core.errors import NotFoundError, NotResumableError
from sagaz_core.model import (
    CheckpointSummary,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
    StepError,
    StepInfo,
)
from sagaz_core.replay.checkpoint import recorded_steps
from sagaz_core.replay.in_flight import rolls_back, steps_in_flight
from sagaz_core.storage.storage import SnapshotStorage


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run was on its way back, and how far it had come."""

    error: StepError
    step_name: str | None
    not_undone: frozenset[str]
    """Steps whose compensation failed: each is called once."""
    undoing: str | None
    """The step whose compensation was begun and not seen to end."""
    timed_out: dict[str, int]
    """Steps that timed out, each with how many were complete then."""


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """A run as its process left it. What happened after its latest checkpoint is not known."""

    summary: SagaSummary
    run: RunInfo
    steps: tuple[StepInfo, ...]
    """As recorded."""
    state: SagaSnapshot
    """The latest checkpoint whose context is the run's, and not that of an action under way."""
    discarded: dict[str, str]
    """Keys that such an action had set by the latest checkpoint, each with its step."""
    in_flight: tuple[str, ...]
    """Steps that were begun, or may have been, and were not seen to end."""
    redo: tuple[str, ...]
    """Of a replay: the steps it runs before the rest, in order, and has not run yet."""
    failure: Failure | None
    """None: it was on its way forward."""


async def read_interrupted(storage: SnapshotStorage, saga: SagaSummary) -> Interrupted:
    """Read how an interrupted run stood.

    Raises:
        NotResumableError: what was recorded does not tell which of its steps have run.
    """
    timeline = await storage.list_checkpoints(saga.saga_id)
    if len(timeline) < saga.checkpoints:
        raise _unknown(saga, "some of its checkpoints were deleted")
    latest = await storage.get_checkpoint(saga.saga_id, timeline[-1].sequence)
    run = await storage.get_run(saga.saga_id)
    failure = await _failure(storage, timeline, latest)
    _check_strategy(saga, run, timeline, failure)
    state = await _state(storage, saga, timeline, latest)
    steps = recorded_steps(run, timeline, latest)
    return Interrupted(
        summary=saga,
        run=run,
        steps=steps,
        state=state,
        discarded=_discarded(latest, state),
        in_flight=steps_in_flight(steps, run.strategy, timeline, latest.completed_steps),
        redo=await _redo(storage, saga, latest),
        failure=failure,
    )


def _unknown(saga: SagaSummary, why: str) -> NotResumableError:
    return NotResumableError(
        f"saga {saga.saga_id!r} cannot be resumed: {why}, so which of its steps have run is not "
        "known; find out what it has done, and replay it from the first step that has not run"
    )


def _check_strategy(
    saga: SagaSummary, run: RunInfo, timeline: Sequence[CheckpointSummary], failure: Failure | None
) -> None:
    """Refuse a run that may have done steps of which no checkpoint tells."""
    if all(entry.kind == "manual" for entry in timeline):
        raise _unknown(saga, "its steps were not recorded while it ran")
    if run.strategy == "on_failure" and failure is None:
        raise _unknown(saga, "it was interrupted while it wrote down, at last, what it had done")


# ---------------------------------------------------------------- its data


async def _state(
    storage: SnapshotStorage,
    saga: SagaSummary,
    timeline: Sequence[CheckpointSummary],
    latest: SagaSnapshot,
) -> SagaSnapshot:
    """Return the latest checkpoint that an action did not take in the middle of its changes."""
    for entry in reversed(timeline):
        if entry.kind != "manual" or entry.step_name is None:
            if entry.sequence == latest.sequence:
                return latest
            found = await storage.get_checkpoint(saga.saga_id, entry.sequence)
            if (found.completed_steps, found.compensated_steps) == (
                latest.completed_steps,
                latest.compensated_steps,
            ):
                return found
            break
    raise _unknown(saga, "all that was recorded was taken in the middle of a step")


def _discarded(latest: SagaSnapshot, state: SagaSnapshot) -> dict[str, str]:
    if latest is state or latest.step_name is None:
        return {}
    before, after = state.context, latest.context
    keys = [key for key in after if key not in before or before[key] != after[key]]
    keys += [key for key in before if key not in after]
    return dict.fromkeys(keys, latest.step_name)


async def _redo(
    storage: SnapshotStorage, saga: SagaSummary, latest: SagaSnapshot
) -> tuple[str, ...]:
    if saga.parent_id is None or saga.parent_sequence is None:
        return ()
    try:
        parent = await storage.get_checkpoint(saga.parent_id, saga.parent_sequence)
    except NotFoundError:
        # Gone meanwhile; in the order of their definition then.
        return ()
    return tuple(name for name in parent.completed_steps if name not in latest.completed_steps)


# ---------------------------------------------------------------- its way back


async def _failure(
    storage: SnapshotStorage, timeline: Sequence[CheckpointSummary], latest: SagaSnapshot
) -> Failure | None:
    failed = [entry for entry in timeline if entry.kind == "step_failed"]
    if not failed and not rolls_back(timeline):
        return None
    first = failed[0] if failed else None
    undoing: str | None = None
    for entry in timeline:
        if entry.kind == "before_compensation":
            undoing = entry.step_name
        elif entry.kind in ("after_compensation", "compensation_failed"):
            undoing = None
    return Failure(
        error=(first and first.error) or StepError("NotRecorded", "why it failed is not known"),
        step_name=first.step_name if first else None,
        not_undone=frozenset(
            entry.step_name
            for entry in timeline
            if entry.kind == "compensation_failed" and entry.step_name is not None
        ),
        undoing=None if undoing in latest.compensated_steps else undoing,
        timed_out=await _timed_out(storage, timeline),
    )


async def _timed_out(
    storage: SnapshotStorage, timeline: Sequence[CheckpointSummary]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in timeline:
        for record in entry.step_records:
            if record.outcome == "timed_out":
                at = await storage.get_checkpoint(entry.saga_id, entry.sequence)
                found.setdefault(record.name, len(at.completed_steps))
    return found
