"""Which checkpoint a replay starts from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sagaz_core.errors import SnapshotNotFoundError
from sagaz_core.model import FORWARD_KINDS, CheckpointSummary, RunInfo, SagaSnapshot, StepInfo
from sagaz_core.replay.look import Look
from sagaz_core.storage.storage import SnapshotStorage


def recorded_steps(
    run: RunInfo, timeline: Iterable[CheckpointSummary], latest: SagaSnapshot | None
) -> tuple[StepInfo, ...]:
    """Return a saga's steps as recorded; where another engine named none, those that are seen."""
    if run.steps:
        return run.steps
    names = dict.fromkeys(latest.completed_steps if latest else ())
    for entry in timeline:
        if entry.step_name is not None:
            names.setdefault(entry.step_name)
    return tuple(StepInfo(name) for name in names)


async def find_checkpoint(
    storage: SnapshotStorage,
    look: Look,
    saga_id: str,
    steps: Sequence[StepInfo],
    from_step: str,
    snapshot_id: str | None = None,
) -> SagaSnapshot:
    """Return the newest checkpoint on the forward path from which ``from_step`` can start.

    There its dependencies are complete and it is not. ``snapshot_id`` names one instead, which
    must satisfy the same.

    Raises:
        SnapshotNotFoundError: none does; the message names the steps that have one.
    """
    if from_step not in (step.name for step in steps):
        raise SnapshotNotFoundError(
            f"saga {saga_id!r} has no step {from_step!r}; "
            f"its steps are {', '.join(step.name for step in steps) or 'unknown'}"
        )
    if snapshot_id is not None:
        return await _named(storage, saga_id, steps, from_step, snapshot_id)
    forward = [entry for entry in look.timeline(saga_id) if _is_forward(entry)]
    snapshot = await _last_before(look, saga_id, forward, from_step)
    if snapshot is not None and needs(steps, from_step) <= set(snapshot.completed_steps):
        return snapshot
    startable = await _startable(storage, saga_id, steps)
    raise SnapshotNotFoundError(
        f"saga {saga_id!r} has no checkpoint from which step {from_step!r} can start; "
        + (
            f"these steps have one: {', '.join(startable)}"
            if startable
            else "no step of it has one, so record before each step from now on"
        )
    )


async def read_ahead(look: Look, saga_id: str) -> None:
    """Read the checkpoints of a saga that a plan will most probably be made from."""
    timeline = look.timeline(saga_id)
    forward = [entry.sequence for entry in timeline if _is_forward(entry)]
    if timeline:
        await look.read_ahead(saga_id, {timeline[-1].sequence, *forward[-1:]})


def needs(steps: Sequence[StepInfo], name: str) -> set[str]:
    """Return the steps that must be complete before this one starts."""
    if any(step.depends_on is not None for step in steps):
        return {needed for step in steps if step.name == name for needed in step.depends_on or ()}
    names = [step.name for step in steps]
    return set(names[: names.index(name)])


def _is_forward(entry: CheckpointSummary | SagaSnapshot) -> bool:
    return entry.kind in FORWARD_KINDS and entry.status in ("executing", "interrupted")


async def _last_before(
    look: Look, saga_id: str, forward: Sequence[CheckpointSummary], step: str
) -> SagaSnapshot | None:
    """Return the last checkpoint at which a step is not complete.

    What is complete stays so on the way forward: a few checkpoints are read, not all.
    """
    found: SagaSnapshot | None = None
    low, high = 0, len(forward)
    while low < high:
        # The last ones are the likeliest, as a replay mostly starts where its saga failed.
        middle = high - 1 if high == len(forward) else (low + high) // 2
        snapshot = await look.checkpoint(saga_id, forward[middle].sequence)
        if step in snapshot.completed_steps:
            high = middle
        else:
            found, low = snapshot, middle + 1
    return found


async def _named(
    storage: SnapshotStorage,
    saga_id: str,
    steps: Sequence[StepInfo],
    from_step: str,
    snapshot_id: str,
) -> SagaSnapshot:
    snapshot = await storage.get_snapshot(snapshot_id)
    if snapshot is None or snapshot.saga_id != saga_id:
        raise SnapshotNotFoundError(
            f"saga {saga_id!r} has no checkpoint {snapshot_id!r}; leave the checkpoint out to "
            "start from the newest one of the step"
        )
    why = _unfit(snapshot, needs(steps, from_step), from_step)
    if why:
        raise SnapshotNotFoundError(
            f"step {from_step!r} cannot start from checkpoint #{snapshot.sequence} of saga "
            f"{saga_id!r}: {why}; choose another checkpoint or another step"
        )
    return snapshot


def _unfit(snapshot: SagaSnapshot, needed: Collection[str], from_step: str) -> str:
    if not _is_forward(snapshot):
        return f"it is of kind {snapshot.kind}, when the saga no longer went forward"
    if from_step in snapshot.completed_steps:
        return "the step is complete there already"
    missing = [name for name in needed if name not in snapshot.completed_steps]
    return f"{', '.join(sorted(missing))} must be complete first" if missing else ""


async def _startable(
    storage: SnapshotStorage, saga_id: str, steps: Sequence[StepInfo]
) -> list[str]:
    needed = {step.name: needs(steps, step.name) for step in steps}
    found: set[str] = set()
    async for snapshot in storage.iter_checkpoints(saga_id):
        if _is_forward(snapshot):
            found |= {
                name for name in needed.keys() - found if not _unfit(snapshot, needed[name], name)
            }
    return [step.name for step in steps if step.name in found]
