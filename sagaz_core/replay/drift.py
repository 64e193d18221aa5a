"""How a saga's code differs today from what was recorded of its steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from sagaz_core.model import Drift, PlanProblem, StepInfo


def find_drift(recorded: Sequence[StepInfo], current: Sequence[StepInfo]) -> dict[str, Drift]:
    """Return what has become of each step; those that are as they were are left out.

    ``recorded`` are the steps as the run described them. Where it described none, as with
    another engine, nothing is known, and nothing is told.
    """
    if not recorded:
        return {}
    before = {step.name: step for step in recorded}
    now = {step.name: step for step in current}
    found: dict[str, Drift] = {name: "removed" for name in before if name not in now}
    moved = _out_of_order(recorded, current)
    for name, step in now.items():
        was = before.get(name)
        if was is None:
            found[name] = "added"
        elif name in moved or set(was.depends_on or ()) != set(step.depends_on or ()):
            found[name] = "moved"
        elif was.fingerprint and step.fingerprint and was.fingerprint != step.fingerprint:
            found[name] = "changed"
    return found


def compare_steps(
    recorded: Sequence[StepInfo], current: Sequence[StepInfo], completed: Collection[str]
) -> list[PlanProblem]:
    """Return how a saga's code no longer fits what was recorded of its steps.

    Every recorded step must be there, in the recorded order; new ones may come where nothing
    that is complete depends on them.
    """
    names = {step.name: None for step in current}
    before, now = _common(recorded, current)
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


def _common(
    recorded: Sequence[StepInfo], current: Sequence[StepInfo]
) -> tuple[list[str], list[str]]:
    """Return the names that both have, in the order of each."""
    before = {step.name: None for step in recorded}
    now = {step.name: None for step in current}
    return [name for name in before if name in now], [name for name in now if name in before]


def _out_of_order(recorded: Sequence[StepInfo], current: Sequence[StepInfo]) -> set[str]:
    before, now = _common(recorded, current)
    if before == now:
        return set()
    blocks = SequenceMatcher(None, before, now, autojunk=False).get_matching_blocks()
    return set(now).difference(*(now[block.b : block.b + block.size] for block in blocks))


def _skipped(current: Sequence[StepInfo], completed: Collection[str]) -> list[PlanProblem]:
    """Return a problem for each step that would run after one that comes after it."""
    done = set(completed)
    if any(step.depends_on is not None for step in current):
        found = {
            needed: step.name
            for step in current
            if step.name in done
            for needed in step.depends_on or ()
            if needed not in done
        }
    else:
        last = max((index for index, step in enumerate(current) if step.name in done), default=0)
        found = {step.name: current[last].name for step in current[:last] if step.name not in done}
    return [
        PlanProblem(
            code="step_order",
            message=f"step {name!r} comes before {later!r}, which is complete, and is not "
            "complete itself: replay with the code that was recorded",
            step=name,
        )
        for name, later in found.items()
    ]
