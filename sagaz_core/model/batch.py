"""The journal of a batch of replays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sagaz_core.model.values import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLogEntry:
    """Who replayed which sagas as one batch, how, why, and what came of it.

    What became of each saga is in the replay log, whose entries name the batch as their request.
    """

    batch_id: str
    items: tuple[tuple[str, str, str | None, str | None], ...]
    """Of each saga its id, its class, the step its replay starts at, and why it has none."""
    selection: Mapping[str, Any] = field(default_factory=dict)
    """The conditions by which they were found, as plain data."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The overrides and choices, as plain data; values keep their types."""
    code: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By class its steps with their fingerprints, as they were when the batch began."""
    code_made_for: Mapping[str, str] = field(default_factory=dict)
    """By class the saga for which it was made to find them out."""
    stop_after_failures: int | None = None
    initiated_by: str = ""
    reason: str | None = None
    started_at: datetime = field(default_factory=utc_now)
    status: Literal["running", "stopped", "completed"] = "running"
    finished_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """When it last ended: how many sagas are in which state."""
    stopped_because: str | None = None
    expires_at: datetime | None = None
    """When the last of its sagas does; None: never."""
