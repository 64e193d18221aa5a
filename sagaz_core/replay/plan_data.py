"""A plan as plain data, for the replay log and for JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sagaz_core.model import MISSING, PlannedOverride, PlannedStep, PlanProblem, ReplayPlan


def plan_data(plan: ReplayPlan) -> dict[str, Any]:
    """Return a plan as plain data, as the replay log keeps it.

    The values of its overrides keep their types; a side that is not there is left out.
    """
    return {
        "saga_id": plan.saga_id,
        "saga_name": plan.saga_name,
        "root_id": plan.root_id,
        "from_step": plan.from_step,
        "snapshot_id": plan.snapshot_id,
        "sequence": plan.sequence,
        "taken_at": plan.taken_at.isoformat() if plan.taken_at else None,
        "valid": plan.valid,
        "digest": plan.digest,
        "compensated": plan.compensated,
        "force_failure": plan.force_failure,
        "fails_at": plan.fails_at,
        "running": plan.running,
        "steps": [_fields(step) for step in plan.steps],
        "overrides": [_override_data(override) for override in plan.overrides],
        "problems": [_fields(problem) for problem in plan.problems],
        "notes": list(plan.notes),
    }


def _override_data(override: PlannedOverride) -> dict[str, Any]:
    sides = {"before": override.before, "after": override.after}
    return {
        "path": override.path,
        **{side: value for side, value in sides.items() if value is not MISSING},
        "read_by": list(override.read_by),
        "set_by": list(override.set_by),
        "note": override.note,
    }


def _fields(part: PlannedStep | PlanProblem) -> dict[str, Any]:
    # They hold nothing that has parts of its own, of which asdict would look for copies to make.
    return {each.name: getattr(part, each.name) for each in fields(part)}
