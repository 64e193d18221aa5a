"""The words of the project as data: snapshots, summaries, changes, plans and results.

Nothing here does anything. All times are timezone-aware UTC, all durations seconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


def utc_now() -> datetime:
    """Return the current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a fresh random identifier of 36 characters."""
    return str(uuid.uuid4())


class Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        # There is one; a copy, or what comes from a pickle, is that one.
        return "MISSING"


MISSING: Final = Missing()
"""Stands where there is no value; ``None`` is a value."""


@dataclass(frozen=True, slots=True)
class NotStored:
    """Stands in a recorded context for a value that could not be stored."""

    path: str
    """JSON Pointer of the value in the context it was captured from."""
    type_name: str
    reason: str

    def __str__(self) -> str:
        return f"‹not stored: {self.type_name}›"


# ---------------------------------------------------------------- a run as recorded


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaSnapshot:
    """A saga's state at one moment: one checkpoint.

    A snapshot that came from a store is a copy; changing its context changes nothing else.
    ``sequence`` is the checkpoint's number within its saga, from 1, given by the store.
    """

    saga_id: str
    saga_name: str
    kind: Kind = "manual"
    status: Status = "executing"
    step_name: str | None = None
    step_index: int | None = None
    context: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    completed_steps: list[str] = field(default_factory=list)
    """Steps that ended well, in order of completion, compensated since or not."""
    running_steps: list[str] = field(default_factory=list)
    compensated_steps: list[str] = field(default_factory=list)
    """Steps whose compensation has ended well, in that order."""
    compensation: Compensation = "none"
    """How the rollback of a failed run went."""
    created_at: datetime = field(default_factory=utc_now)
    snapshot_id: str = field(default_factory=new_id)
    retention_until: datetime | None = None
    error: StepError | None = None
    attempts: int = 0
    """How often the step was tried, where the checkpoint is about a step's end."""
    label: str | None = None
    """What a manual checkpoint was called."""
    step_records: tuple[StepRecord, ...] = ()
    """The steps that ended since the checkpoint before this one."""
    gap: int = 0
    """Checkpoints lost between the one before and this one."""
    sequence: int = 0

    @property
    def state(self) -> dict[str, Any]:
        """Context and step results in one mapping, each result under its step's name."""
        return {**self.context, **self.results}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSummary:
    """A checkpoint without its context: a line of the timeline."""

    saga_id: str
    sequence: int
    snapshot_id: str
    kind: Kind
    status: Status
    step_name: str | None
    step_index: int | None
    created_at: datetime
    attempts: int = 0
    error: StepError | None = None
    label: str | None = None
    running_steps: tuple[str, ...] = ()
    step_records: tuple[StepRecord, ...] = ()
    gap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaSummary:
    """A saga in one row of a list."""

    saga_id: str
    saga_name: str
    status: Status
    compensation: Compensation
    step_name: str | None
    error: str | None
    error_group: str | None
    started_at: datetime
    updated_at: datetime
    checkpoints: int
    """The number of the latest checkpoint."""
    root_id: str
    parent_id: str | None = None
    parent_sequence: int | None = None
    recovered_by: str | None = None
    """The replay that brought this saga's family to success."""
    code: str = ""
    expires_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What the saga can be found by; empty in a list, where they are not read."""


# ---------------------------------------------------------------- looking back

DifferenceKind = Literal["added", "removed", "changed", "type_changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a diff. ``path`` is a JSON Pointer; list indexes are those of the later side,
    for a removal those of the earlier one."""

    path: str
    kind: DifferenceKind
    before: Any = MISSING
    after: Any = MISSING


@dataclass(frozen=True, slots=True)
class KeyTouch:
    """One top-level key that a checkpoint changed, and the step that caused it."""

    key: str
    sequence: int
    step_name: str | None
    """None: set before any step ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What differs between a checkpoint and the one before it."""

    saga_id: str
    sequence: int
    snapshot_id: str
    created_at: datetime
    kind: Kind
    status: Status
    step_name: str | None
    caused_by: Mapping[str, str | None]
    """Top-level key to the step that changed it; None: set before any step ran."""
    changes: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalState:
    """A saga as it stood at ``timestamp``: the latest checkpoint not after it."""

    saga_id: str
    saga_name: str
    status: Status
    step_name: str | None
    completed_steps: list[str]
    context: dict[str, Any]
    created_at: datetime
    """When that checkpoint was taken."""
    timestamp: datetime
    """The moment asked for."""
    results: dict[str, Any] = field(default_factory=dict)
    kind: Kind = "manual"
    sequence: int = 0
    snapshot_id: str = ""
    error: StepError | None = None


# ---------------------------------------------------------------- replay

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


ReplayStatus = Literal["success", "failed", "valid", "invalid", "stopped"]
"""``valid`` and ``invalid`` are those of a plan of which nothing ran; ``stopped``: a rehearsal
came to a step of which nothing is known."""

Knowledge = Literal["simulate", "recorded", "borrowed", "forced", "unknown"]
"""Where a rehearsal knows from what a step does: its ``simulate=`` function, what it did in the
run that is replayed, what it did in another saga, the failure that was asked for, or nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStep:
    """What a step did in a rehearsal."""

    name: str
    outcome: StepOutcome | Literal["restored", "restored_in_name", "not_reached"]
    known_from: Knowledge | None = None
    """None: it was restored, so nothing had to be known."""
    known_saga: str | None = None
    """The saga that recorded what it did."""
    note: str = ""
    error: StepError | None = None
    undone: bool = False
    """Whether its compensation was walked too."""
    undoing_known: bool = False
    """Whether what that compensation changes was recorded; it is taken to change nothing if not."""
    changes: tuple[Difference, ...] = ()
    """What it changed in the context, and its result under its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A history that did not happen: a replay walked without its effects."""

    storage: Any
    """An in-memory ``SnapshotStorage`` that holds the history, and beside it a copy of the
    original's family, unless that has more than 10,000 checkpoints."""
    saga_id: str
    """Its id there; in no other store is there a saga of this id."""
    steps: tuple[RehearsedStep, ...]
    unknown_from: str | None = None
    """The first step of which nothing is known; None: it was walked to its end."""
    changes: tuple[Difference, ...] = ()
    """How the state at its end differs from the checkpoint it grew from, as that was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """How a replay, or the dry run of one, ended."""

    status: ReplayStatus
    original_saga_id: str
    new_saga_id: str | None = None
    error_message: str | None = None
    plan: ReplayPlan | None = None
    compensation: Compensation = "none"
    context: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    capture_errors: int = 0
    rehearsal: Rehearsal | None = None
    """Of a rehearsal that was walked: what it did, and its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayLogEntry:
    """Who replayed what, from where, with which override, why, and what came of it."""

    replay_id: str
    """The id of the saga that the replay grew; it is the entry's id too."""
    original_saga_id: str
    from_step: str
    snapshot_id: str | None
    sequence: int | None
    override: tuple[PlannedOverride, ...] = ()
    initiated_by: str = ""
    reason: str | None = None
    started_at: datetime = field(default_factory=utc_now)
    finished_at: datetime | None = None
    outcome: Literal["running", "success", "failed"] = "running"
    error_message: str | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)
    """The plan that was followed, as plain data."""


# ---------------------------------------------------------------- a saga's own result


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaResult:
    """How a run ended. ``error`` is the exception of the step that failed."""

    saga_id: str
    status: Literal["completed", "failed", "stopped"]
    """``stopped``: a rehearsal came to a step of which nothing is known."""
    error: BaseException | None = None
    failed_step: str | None = None
    compensation: Compensation = "none"
    context: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    completed_steps: list[str] = field(default_factory=list)
    compensated_steps: list[str] = field(default_factory=list)
    capture_errors: int = 0
    """Values that could not be stored and checkpoints that could not be written."""
