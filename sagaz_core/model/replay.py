"""How a replay ended, and its line in the replay log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sagaz_core.model.plan import PlannedOverride, ReplayPlan
from sagaz_core.model.rehearsal import Rehearsal
from sagaz_core.model.run import Compensation
from sagaz_core.model.values import utc_now

ReplayStatus = Literal["success", "failed", "valid", "invalid", "stopped"]
"""``valid`` and ``invalid`` are those of a plan of which nothing ran; ``stopped``: a rehearsal
came to a step of which nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """How a replay, or the dry run of one, ended."""

    status: ReplayStatus
    original_saga_id: str
    new_saga_id: str | None = None
    error_message: str | None = None
    in_doubt: bool = False
    """Of an ``invalid`` one: it waits for a person to say whether a step has happened."""
    plan: ReplayPlan | None = None
    compensation: Compensation = "none"
    context: dict[str, Any] = field(default_factory=dict, repr=False)
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
    request_id: str | None = None
    """What its caller named the call, so that calling again makes no second replay."""
