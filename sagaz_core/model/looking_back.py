"""Looking back: what differs, what changed when, and a saga as it stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sagaz_core.model.run import Kind, Status, StepError
from sagaz_core.model.values import MISSING

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
