"""What a replay does with each step: restore it, run it, or run it again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sagaz_core.model import PlannedStep, PlanProblem, RunInfo, StepInfo
from sagaz_core.replay.effects import FamilyEffects, origin

Undone = Literal["redo", "keep", "refuse"]
"""What happens with restored steps that were undone since."""
InDoubt = Literal["retry", "skip"]
"""What happens with restored steps of which nobody knows whether they were undone."""


@dataclass(frozen=True, kw_only=True)
class Fates:
    """Each step's fate, and what follows from them for the start of the run."""

    steps: tuple[PlannedStep, ...]
    problems: tuple[PlanProblem, ...]
    restored: tuple[str, ...]
    """Complete at the start, in order of completion; those of ``kept`` among them."""
    kept: tuple[str, ...]
    redo: tuple[str, ...]
    origins: Mapping[str, str]


def decide_fates(
    *,
    saga_id: str,
    run: RunInfo,
    completed: Sequence[str],
    steps: Sequence[StepInfo],
    effects: FamilyEffects,
    compensated: Undone,
    in_doubt: InDoubt | None,
) -> Fates:
    """Decide what happens with every step.

    Args:
        saga_id: the saga that is replayed.
        run: what was recorded of it.
        completed: the steps complete at the checkpoint, in order of completion.
        steps: the saga's steps, in the order of their definition.
        effects: what the family has done and undone.
        compensated: what the caller wants done with steps undone since.
        in_doubt: what the caller wants done with steps whose undoing is uncertain.
    """
    recorded = {step.name: step.fingerprint for step in run.steps}
    planned: dict[str, PlannedStep] = {}
    problems: list[PlanProblem] = []
    infos = {step.name: step for step in steps}
    for name in [*infos, *(name for name in completed if name not in infos)]:
        if name in completed:
            step, problem = _restored(
                name, origin(run, saga_id, name), effects, compensated, in_doubt
            )
            if problem is not None:
                problems.append(problem)
        else:
            step = _to_run(name, effects)
        planned[name] = _annotated(step, infos.get(name), recorded.get(name, ""), effects)
    redo = tuple(name for name in completed if planned[name].fate == "runs_again")
    restored = tuple(name for name in completed if name not in redo)
    return Fates(
        steps=tuple(planned.values()),
        problems=tuple(problems),
        restored=restored,
        kept=tuple(name for name in restored if planned[name].fate == "restored_in_name"),
        redo=redo,
        origins={name: origin(run, saga_id, name)[0] for name in restored},
    )


def compare_steps(
    recorded: Sequence[StepInfo], current: Sequence[StepInfo], completed: Collection[str]
) -> list[PlanProblem]:
    """Return how a saga's code no longer fits what was recorded of its steps.

    Every recorded step must be there, in the recorded order; new ones may come where nothing
    that is complete depends on them.
    """
    names = [step.name for step in current]
    missing = [step.name for step in recorded if step.name not in names]
    problems = [
        PlanProblem(
            code="step_missing",
            message=f"step {name!r} was recorded, and the saga has none of that name; its steps "
            f"are {', '.join(names)}: replay with the code that was recorded",
            step=name,
        )
        for name in missing
    ]
    before = [step.name for step in recorded if step.name in names]
    now = [name for name in names if name in before]
    if before != now:
        problems.append(
            PlanProblem(
                code="step_order",
                message=f"the steps were recorded in the order {', '.join(before)}, and the saga "
                f"has {', '.join(now)}: replay with the code that was recorded",
            )
        )
    else:
        problems += _skipped(current, completed)
    return problems


def check_failure(fails_at: str | None, steps: Sequence[PlannedStep]) -> list[PlanProblem]:
    """Return why a step cannot be made to fail: only one that runs can."""
    fates = {step.name: step.fate for step in steps}
    running = [name for name, fate in fates.items() if not fate.startswith("restored")]
    if fails_at is None or fails_at in running:
        return []
    why = (
        f"step {fails_at!r} is restored and does not run"
        if fails_at in fates
        else f"the saga has no step {fails_at!r}"
    )
    return [
        PlanProblem(
            code="force_failure",
            message=f"{why}, so it cannot be made to fail; choose one that runs: "
            f"{', '.join(running)}",
            step=fails_at,
        )
    ]


def _skipped(current: Sequence[StepInfo], completed: Collection[str]) -> list[PlanProblem]:
    """Return a problem for each step that would run after one that comes after it."""
    is_graph = any(step.depends_on is not None for step in current)
    found = {}
    for index, step in enumerate(current):
        if step.name in completed:
            earlier = step.depends_on or () if is_graph else [s.name for s in current[:index]]
            found.update({name: step.name for name in earlier if name not in completed})
    return [
        PlanProblem(
            code="step_order",
            message=f"step {name!r} comes before {later!r}, which is complete, and is not "
            "complete itself: replay with the code that was recorded",
            step=name,
        )
        for name, later in found.items()
    ]


def _restored(
    name: str,
    effect: tuple[str, str],
    effects: FamilyEffects,
    compensated: Undone,
    in_doubt: InDoubt | None,
) -> tuple[PlannedStep, PlanProblem | None]:
    undone_by = effects.undone.get(effect)
    if undone_by is not None:
        return _undone(name, undone_by, compensated)
    uncertain_by = effects.undo_uncertain.get(effect)
    if uncertain_by is None:
        return PlannedStep(name=name, fate="restored"), None
    note = f"its compensation in {uncertain_by} did not succeed: nobody knows whether it stands"
    if in_doubt == "retry":
        return PlannedStep(name=name, fate="runs_again", note=note), None
    if in_doubt == "skip":
        return PlannedStep(name=name, fate="restored_in_name", note=note), None
    problem = PlanProblem(
        code="in_doubt",
        message=f"step {name!r} is in doubt: its compensation in {uncertain_by} did not succeed; "
        "find out whether it stands, then choose in_doubt='skip' (--in-doubt skip) if it does "
        "or 'retry' if it does not",
        step=name,
    )
    return PlannedStep(name=name, fate="in_doubt", note=note), problem


def _undone(
    name: str, undone_by: str, compensated: Undone
) -> tuple[PlannedStep, PlanProblem | None]:
    if compensated == "redo":
        return PlannedStep(name=name, fate="runs_again", undone_by=undone_by), None
    if compensated == "keep":
        return PlannedStep(name=name, fate="restored_in_name", undone_by=undone_by), None
    problem = PlanProblem(
        code="undone_refused",
        message=f"step {name!r} was undone since, by {undone_by}; choose compensated='redo' to "
        "run it again or 'keep' to take it as done",
        step=name,
    )
    return PlannedStep(name=name, fate="restored", undone_by=undone_by), problem


def _to_run(name: str, effects: FamilyEffects) -> PlannedStep:
    uncertain = sorted(saga_id for saga_id, step in effects.uncertain if step == name)
    if not uncertain:
        return PlannedStep(name=name, fate="runs")
    note = f"it was cut short in {', '.join(uncertain)} and may have happened: it runs again"
    return PlannedStep(name=name, fate="in_doubt", note=note)


def _annotated(
    step: PlannedStep, info: StepInfo | None, recorded: str, effects: FamilyEffects
) -> PlannedStep:
    fingerprint = info.fingerprint if info else ""
    notes = [step.note] if step.note else []
    standing = sorted(saga_id for saga_id, name in effects.standing if name == step.name)
    if standing and not step.fate.startswith("restored"):
        notes.append(
            f"it ran in {', '.join(standing)} and was not undone: this does it a second time"
        )
    if recorded and fingerprint and recorded != fingerprint:
        notes.append("its code has changed since")
    return replace(step, note="; ".join(notes), fingerprint=fingerprint)
