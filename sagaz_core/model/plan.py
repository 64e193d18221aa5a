"""A replay's plan: what happens with each step and each value, and what stands against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

StepFate = Literal["restored", "restored_in_name", "runs", "runs_again", "in_doubt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What a replay does with one step."""

    name: str
    fate: StepFate
    undone_by: str | None = None
    """The run of the family that compensated it since."""
    note: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOverride:
    """One change to the restored context."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProblem:
    """One reason why a plan is invalid, and what to do about it."""

    code: str
    message: str
    path: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """Everything a replay would do, without having done it."""

    saga_id: str
    saga_name: str
    root_id: str
    from_step: str
    snapshot_id: str | None
    sequence: int | None
    taken_at: datetime | None
    steps: tuple[PlannedStep, ...] = ()
    overrides: tuple[PlannedOverride, ...] = ()
    problems: tuple[PlanProblem, ...] = ()
    notes: tuple[str, ...] = ()
    compensated: Literal["redo", "keep", "refuse"] = "redo"
    force_failure: bool = False
    fails_at: str | None = None
    """The step that is made to fail instead of running."""
    digest: str = ""
    """Changes with checkpoint, override, code and lease; a run given it refuses when they have."""

    @property
    def valid(self) -> bool:
        """Whether nothing stands against running it."""
        return not self.problems
