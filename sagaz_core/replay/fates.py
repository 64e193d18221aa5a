"""What a replay does with each step: restore it, run it, or run it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from sagaz_core.model import (
    Drift,
    PlannedStep,
    PlanProblem,
    RunInfo,
    SagaSnapshot,
    StepInfo,
    StepRecord,
)
from sagaz_core.replay.effects import Effect, FamilyEffects, origin

Undone = Literal["redo", "keep", "refuse"]
"""What happens with restored steps that were undone since."""
InDoubt = Literal["retry", "skip"]
"""What happens with restored steps of which nobody knows whether they were undone."""
_Plan = Callable[..., PlannedStep]
"""Takes a step's fate, and what else there is to say of it."""


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
    snapshot: SagaSnapshot,
    steps: Sequence[StepInfo],
    drift: Mapping[str, Drift],
    effects: FamilyEffects,
    compensated: Undone,
    in_doubt: InDoubt | None,
) -> Fates:
    """Decide what happens with every step.

    Args:
        saga_id: the saga that is replayed.
        run: what was recorded of it.
        snapshot: the checkpoint it starts from.
        steps: the saga's steps, in the order of their definition.
        drift: how they differ from what was recorded.
        effects: what the family has done and undone.
        compensated: what the caller wants done with steps undone since.
        in_doubt: what the caller wants done with steps whose undoing is uncertain.
    """
    completed = dict.fromkeys(snapshot.completed_steps)
    infos = {step.name: step for step in [*run.steps, *steps]}
    standing, uncertain = _sagas_by_step(effects.standing), _sagas_by_step(effects.uncertain)
    gone = [name for name, how in drift.items() if how == "removed" and name not in completed]
    planned: dict[str, PlannedStep] = {}
    problems: list[PlanProblem] = []
    for name in dict.fromkeys([*(step.name for step in steps), *completed, *gone]):
        effect = origin(run, saga_id, name)
        plan = _described(name, infos.get(name), effects.records.get(effect), drift.get(name))
        if name in completed:
            step, problem = _restored(plan, name, effect, effects, compensated, in_doubt)
            problems += [problem] if problem is not None else []
        elif drift.get(name) == "removed":
            step = plan(fate="gone")
        else:
            step = _to_run(plan, uncertain.get(name, ()), name in snapshot.running_steps)
        planned[name] = _with_standing(step, standing.get(name, ()))
    redo = tuple(name for name in completed if planned[name].fate == "runs_again")
    restored = tuple(name for name in completed if planned[name].fate != "runs_again")
    return Fates(
        steps=tuple(planned.values()),
        problems=tuple(problems),
        restored=restored,
        kept=tuple(name for name in restored if planned[name].fate == "restored_in_name"),
        redo=redo,
        origins={name: origin(run, saga_id, name)[0] for name in restored},
    )


def check_failure(fails_at: str | None, steps: Sequence[PlannedStep]) -> list[PlanProblem]:
    """Return why a step cannot be made to fail: only one that runs can."""
    fates = {step.name: step.fate for step in steps if step.fate != "gone"}
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


def check_redo(fates: Fates) -> list[PlanProblem]:
    """Return why a plan does not suit an engine, which goes on from one step and knows no redo."""
    if not fates.redo:
        return []
    first, names = fates.redo[0], ", ".join(map(repr, fates.redo))
    return [
        PlanProblem(
            code="cannot_redo",
            message=f"what {names} did was undone since, and an engine of your own goes on from "
            f"one step without running earlier ones again; start from {first!r}, or choose "
            "compensated='keep' (--compensated keep) to take it as done",
            step=first,
        )
    ]


def _restored(
    plan: _Plan,
    name: str,
    effect: tuple[str, str],
    effects: FamilyEffects,
    compensated: Undone,
    in_doubt: InDoubt | None,
) -> tuple[PlannedStep, PlanProblem | None]:
    undone_by = effects.undone.get(effect)
    if undone_by is not None:
        return _undone(plan, name, undone_by, compensated)
    uncertain_by = effects.undo_uncertain.get(effect)
    if uncertain_by is None:
        return plan(fate="restored"), None
    note = f"its compensation in {uncertain_by} did not succeed: nobody knows whether it stands"
    if in_doubt == "retry":
        return plan(fate="runs_again", note=note), None
    if in_doubt == "skip":
        return plan(fate="restored_in_name", note=note), None
    problem = PlanProblem(
        code="in_doubt",
        message=f"step {name!r} is in doubt: its compensation in {uncertain_by} did not succeed; "
        "find out whether it stands, then choose in_doubt='skip' (--in-doubt skip) if it does "
        "or 'retry' if it does not",
        step=name,
    )
    return plan(fate="in_doubt", note=note), problem


def _undone(
    plan: _Plan, name: str, undone_by: str, compensated: Undone
) -> tuple[PlannedStep, PlanProblem | None]:
    if compensated == "redo":
        return plan(fate="runs_again", undone_by=undone_by), None
    if compensated == "keep":
        return plan(fate="restored_in_name", undone_by=undone_by), None
    problem = PlanProblem(
        code="undone_refused",
        message=f"step {name!r} was undone since, by {undone_by}; choose compensated='redo' to "
        "run it again or 'keep' to take it as done",
        step=name,
    )
    return plan(fate="restored", undone_by=undone_by), problem


def _to_run(plan: _Plan, uncertain: Sequence[str], was_running: bool) -> PlannedStep:
    if not uncertain:
        return plan(fate="runs_again" if was_running else "runs", was_running=was_running)
    note = f"it was cut short in {', '.join(uncertain)} and may have happened: it runs again"
    return plan(fate="in_doubt", note=note, was_running=was_running)


def _with_standing(step: PlannedStep, sagas: Sequence[str]) -> PlannedStep:
    """Say of a step that runs in which sagas it did already, with nobody undoing it."""
    if not sagas or step.fate.startswith("restored") or step.fate == "gone":
        return step
    note = f"it ran in {', '.join(sagas)} and was not undone: this does it a second time"
    return replace(step, note="; ".join(filter(None, (step.note, note))))


def _described(
    name: str, info: StepInfo | None, record: StepRecord | None, drift: Drift | None
) -> _Plan:
    """Return what makes the step's plan: it knows what the step is and how it went before."""
    told: dict[str, Any] = {"name": name, "drift": drift}
    if info is not None:
        told |= {
            "fingerprint": info.fingerprint,
            "compensation": info.compensation if info.compensated else None,
            "idempotent": info.idempotent,
        }
    if record is not None and record.attempts:
        told |= {"duration": record.duration, "attempts": len(record.attempts)}
    return partial(PlannedStep, **told)


def _sagas_by_step(effects: Iterable[Effect]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for saga_id, step in sorted(effects):
        found.setdefault(step, []).append(saga_id)
    return found
