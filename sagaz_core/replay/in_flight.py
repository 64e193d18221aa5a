"""Which steps of a run that has not ended may have happened, though no checkpoint says so."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sagaz_core.model import CheckpointSummary, StepInfo
from sagaz_core.replay.checkpoint import needs


def rolls_back(timeline: Sequence[CheckpointSummary]) -> bool:
    """Whether a run has begun to undo, which it does once every step that began has ended."""
    return any(entry.status == "compensating" for entry in timeline)


def steps_in_flight(
    steps: Sequence[StepInfo],
    strategy: str,
    timeline: Sequence[CheckpointSummary],
    completed: Collection[str],
) -> tuple[str, ...]:
    """Return the steps that were begun, or may have been, and were not seen to end.

    Args:
        steps: the run's, as recorded.
        strategy: the one by which it was recorded; empty where that is not known.
        timeline: all that was recorded of it.
        completed: the steps that are complete at the end of that.
    """
    if rolls_back(timeline):
        return ()
    open_steps = _begun(timeline)
    kinds = {entry.kind for entry in timeline}
    told_before = "before_step" in kinds and strategy != "on_failure"
    if not told_before and "step_failed" not in kinds:
        told_after = "after_step" in kinds or strategy == "after_each_step"
        unseen = (
            _ready(steps, completed)
            if told_after and strategy != "on_failure"
            else [step.name for step in steps]
        )
        open_steps.update(dict.fromkeys(unseen))
    return tuple(name for name in open_steps if name not in completed)


def _begun(timeline: Sequence[CheckpointSummary]) -> dict[str, None]:
    begun: dict[str, None] = {}
    for entry in timeline:
        if entry.kind == "before_step" and entry.step_name is not None:
            begun[entry.step_name] = None
        begun.update(dict.fromkeys(entry.running_steps))
        ended = {record.name for record in entry.step_records}
        if entry.kind in ("after_step", "step_failed") and entry.step_name is not None:
            ended.add(entry.step_name)
        for name in ended:
            begun.pop(name, None)
    return begun


def _ready(steps: Sequence[StepInfo], completed: Collection[str]) -> list[str]:
    done = set(completed)
    return [
        step.name for step in steps if step.name not in done and needs(steps, step.name) <= done
    ]
