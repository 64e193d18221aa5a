"""A replay's plan: what happens with each step and each value, and what stands against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

StepFate = Literal["restored", "restored_in_name", "runs", "runs_again", "in_doubt", "gone"]
"""``runs_again``: it ran, and was undone since or was under way at the checkpoint; ``gone``: it
was recorded, is not complete, and the saga has no such step any more."""

Drift = Literal["changed", "added", "moved", "removed"]
"""What has become of a step's code since the run; ``moved``: its order or what it depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What a replay does with one step."""

    name: str
    fate: StepFate
    undone_by: str | None = None
    """The run of the family that compensated it since."""
    note: str = ""
    fingerprint: str = ""
    compensation: str | None = None
    """The name of its compensation function, empty if that has none; None: no compensation."""
    idempotent: bool = False
    duration: float | None = None
    """Seconds that it took in the original, all attempts together; None: it did not run there,
    or that was not recorded."""
    attempts: int | None = None
    """How often it was tried there; None as for ``duration``."""
    was_running: bool = False
    """Whether it was under way at the checkpoint: it ran on after that, and runs again."""
    drift: Drift | None = None
    """How its code differs from what was recorded; None: not at all, or that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOverride:
    """One change to the restored context.

    ``read_by`` and ``set_by`` name the steps that run and that, when they ran in the original,
    read or set its top-level key.
    """

    path: str
    before: Any
    after: Any
    read_by: tuple[str, ...] = ()
    set_by: tuple[str, ...] = ()
    note: str = ""
    """Says so where no step that ran in the original after the checkpoint had to do with it."""


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
    running: str | None = None
    """The run of the family that is alive: until it has ended, a real run is refused."""
    digest: str = ""
    """Changes with checkpoint, override, code and lease; a run given it refuses when they have."""

    @property
    def valid(self) -> bool:
        """Whether nothing stands against running it."""
        return not self.problems
