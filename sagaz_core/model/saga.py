"""A saga as the store gives it: at one moment, in a line of its timeline, in a row of a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagaz_core.model.run import Compensation, Kind, Status, StepError, StepRecord
from sagaz_core.model.values import new_id, utc_now


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

    @property
    def recovered(self) -> bool:
        """Whether this run did not succeed and another of its family made good for it."""
        return self.recovered_by is not None and self.status in ("failed", "interrupted")
