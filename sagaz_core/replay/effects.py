"""What the runs of a family have done in the world, and what of it was undone since.

An effect is what one step did when it really ran: named by the saga in which it ran, and the
step. A replay that restores a step refers to the effect of an earlier run; one that runs it
again makes a new effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sagaz_core.model import CheckpointSummary, RunInfo, SagaSummary, StepRecord
from sagaz_core.replay.in_flight import steps_in_flight
from sagaz_core.replay.look import Look

Effect = tuple[str, str]
"""The id of the saga in which a step really ran, and the step's name."""


@dataclass(frozen=True, slots=True)
class FamilyEffects:
    """Every effect of a family, by what has become of it; each with the run that made it so."""

    saga_ids: list[str] = field(default_factory=list, compare=False)
    """The family's runs, the root first."""
    undone: dict[Effect, str] = field(default_factory=dict)
    undo_uncertain: dict[Effect, str] = field(default_factory=dict)
    """Effects whose compensation failed, or was begun and never seen to end."""
    standing: set[Effect] = field(default_factory=set)
    """Effects of steps that ran to their end and were never compensated."""
    uncertain: set[Effect] = field(default_factory=set)
    """Effects of steps that timed out, were cancelled or were in flight at a crash."""
    records: dict[Effect, StepRecord] = field(default_factory=dict)
    """How each step went that was recorded to have ended, well or not."""

    def happened(self, effect: Effect) -> bool:
        """Whether a step ran, or may have, undone since or not."""
        return any(
            effect in known
            for known in (self.undone, self.undo_uncertain, self.standing, self.uncertain)
        )


async def family_effects(look: Look) -> FamilyEffects:
    """Read what all the runs of a family have done and undone."""
    effects = FamilyEffects()
    ran: set[Effect] = set()
    for saga in look.sagas:
        effects.saga_ids.append(saga.saga_id)
        await _add_run(look, saga, effects, ran)
    for effect in effects.undone:
        effects.undo_uncertain.pop(effect, None)
    effects.uncertain.difference_update(effects.undone)
    effects.standing.update(ran - effects.undone.keys() - effects.undo_uncertain.keys())
    return effects


def origin(run: RunInfo, saga_id: str, step: str) -> Effect:
    """Return the effect that a complete step of a run refers to."""
    return run.origins.get(step, saga_id), step


async def _add_run(look: Look, saga: SagaSummary, effects: FamilyEffects, ran: set[Effect]) -> None:
    run, timeline = look.run(saga.saga_id), look.timeline(saga.saga_id)
    effects.records.update(
        {(saga.saga_id, record.name): record for entry in timeline for record in entry.step_records}
    )
    latest = await look.latest(saga.saga_id)
    completed = latest.completed_steps if latest else []
    undone = set(latest.compensated_steps if latest else ()) | _steps(
        timeline, "after_compensation"
    )
    begun = _steps(timeline, "before_compensation") | _steps(timeline, "compensation_failed")
    if saga.status == "failed":
        # Where the strategy recorded no compensations, the saga's row tells how they went.
        own = {step.name for step in run.steps if step.compensated} - set(run.kept)
        rest = own.intersection(completed) - undone
        if saga.compensation == "completed":
            undone |= rest
        elif saga.compensation == "failed":
            begun |= rest
    for step in undone:
        effects.undone[origin(run, saga.saga_id, step)] = saga.saga_id
    for step in begun - undone:
        effects.undo_uncertain[origin(run, saga.saga_id, step)] = saga.saga_id
    ran.update((saga.saga_id, step) for step in completed if step not in run.origins)
    effects.uncertain.update(
        (saga.saga_id, step) for step in _without_outcome(saga, run, timeline, completed)
    )


def _steps(timeline: list[CheckpointSummary], kind: str) -> set[str]:
    return {
        entry.step_name for entry in timeline if entry.kind == kind and entry.step_name is not None
    }


def _without_outcome(
    saga: SagaSummary, run: RunInfo, timeline: list[CheckpointSummary], completed: list[str]
) -> set[str]:
    """Return the steps that were begun and of which nobody can say whether they happened."""
    outcomes: Mapping[str, str] = {
        record.name: record.outcome for entry in timeline for record in entry.step_records
    }
    lost = {name for name, outcome in outcomes.items() if outcome in ("timed_out", "cancelled")}
    if saga.status not in ("completed", "failed"):
        lost.update(steps_in_flight(run.steps, run.strategy, timeline, completed))
    return lost.difference(completed)
