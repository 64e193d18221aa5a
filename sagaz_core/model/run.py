"""A run: its steps as they were defined, what came of each, and how the run ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

Kind = Literal[
    "before_step",
    "after_step",
    "step_failed",
    "before_compensation",
    "after_compensation",
    "compensation_failed",
    "completed",
    "failed",
    "manual",
]
Status = Literal["executing", "compensating", "completed", "failed", "interrupted"]
Compensation = Literal["none", "completed", "failed"]

FORWARD_KINDS: Final[frozenset[Kind]] = frozenset({"before_step", "after_step", "manual"})
"""The kinds a replay can start from."""


@dataclass(frozen=True, slots=True)
class StepError:
    """An exception as text: the class's name, its message, the formatted traceback."""

    type: str
    message: str
    traceback: str = ""

    @property
    def headline(self) -> str:
        """The error in one line: type and first line of the message."""
        first = self.message.strip().splitlines()[0] if self.message.strip() else ""
        return f"{self.type}: {first}" if first else self.type


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step's action."""

    number: int
    started_at: datetime
    duration: float
    error: StepError | None = None


StepOutcome = Literal["completed", "failed", "timed_out", "cancelled"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What is known of a step that ended: how often it was tried, what it read and set."""

    name: str
    outcome: StepOutcome
    attempts: tuple[Attempt, ...] = ()
    keys_read: tuple[str, ...] = ()
    keys_set: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    """Keys that a parallel branch had set too; the later merge won."""

    @property
    def duration(self) -> float:
        """Seconds spent in all attempts together."""
        return sum(attempt.duration for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A step as its saga defined it when the run began."""

    name: str
    depends_on: tuple[str, ...] | None = None
    fingerprint: str = ""
    idempotent: bool = False
    compensated: bool = False
    """Whether the step has a compensation."""
    compensation: str = ""
    """The name of its compensation function; empty: none, one without a name, or not recorded."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is recorded once a run, with its first checkpoint."""

    code: str = ""
    """``module:qualname`` of the saga's class; empty when recorded by another engine."""
    app_version: str = ""
    host: str = ""
    pid: int = 0
    steps: tuple[StepInfo, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    """For each step restored by a replay: the id of the saga in which it really ran."""
    kept: tuple[str, ...] = ()
    """Steps restored in name only: undone before, never compensated again."""
    strategy: str = ""
    """The :data:`~sagaz_core.config.SnapshotStrategy`; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaResult:
    """How a run ended. ``error`` is the exception of the step that failed."""

    saga_id: str
    status: Literal["completed", "failed", "stopped"]
    """``stopped``: a rehearsal came to a step of which nothing is known."""
    error: BaseException | None = None
    failed_step: str | None = None
    compensation: Compensation = "none"
    context: dict[str, Any] = field(default_factory=dict, repr=False)
    results: dict[str, Any] = field(default_factory=dict, repr=False)
    completed_steps: list[str] = field(default_factory=list)
    compensated_steps: list[str] = field(default_factory=list)
    capture_errors: int = 0
    """Values that could not be stored and checkpoints that could not be written."""
