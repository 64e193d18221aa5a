"""The sagas of a batch, what becomes of each, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from sagaz_core.model import ReplayPlan

State = Literal["planned", "waiting", "running", "succeeded", "failed", "in_doubt", "skipped"]
"""``planned`` is that of a preview or a dry run; ``waiting``: it is still to be done, or another
process does it; ``in_doubt``: a person has to say whether a step happened."""

ENDED: Final[frozenset[State]] = frozenset(
    {"planned", "succeeded", "failed", "in_doubt", "skipped"}
)

EventKind = Literal[
    "batch_started",
    "canary",
    "item_started",
    "item_ended",
    "waiting",
    "stopping",
    "batch_ended",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One saga of a batch."""

    saga_id: str
    saga_name: str
    from_step: str | None
    """Where its replay starts; None: nowhere, and ``reason`` says why."""
    state: State = "waiting"
    new_saga_id: str | None = None
    """The saga that its replay grew."""
    error: str | None = None
    """Of a failed one: the step, and what it raised."""
    reason: str | None = None
    """Of one that is skipped or in doubt: why, and what to do."""
    plan: ReplayPlan | None = None
    """In a preview and a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent:
    """Something that happened in a batch, with how far it is."""

    kind: EventKind
    batch_id: str | None
    item: BatchItem | None
    done: int
    """Sagas that are settled: succeeded, failed, in doubt or skipped; of a dry run planned."""
    total: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPreview:
    """What a batch would do, seen before it begins."""

    count: int
    """Sagas that the selection finds."""
    runs: int
    """How many of them would run."""
    samples: tuple[BatchItem, ...]
    """The first of those that would run, with their plans; ten at most."""
    skipped: tuple[BatchItem, ...]
    """Those that would not run, each with the reason."""
    by_step: Mapping[str, int]
    """How many would run from which step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What became of a batch. The counts are of the whole batch, whoever did the work."""

    batch_id: str | None
    """None: of a dry run or a rehearsal, which leave nothing behind."""
    status: Literal["completed", "stopped", "valid", "invalid"]
    """``stopped``: some are left. Of a dry run ``valid`` if all would run, of a rehearsal if
    all would succeed; otherwise ``invalid``."""
    total: int
    succeeded: int
    failed: int
    in_doubt: int
    skipped: int
    left: int
    """Sagas that are still to be done."""
    failed_by_error: Mapping[str, int] = field(default_factory=dict)
    """How many failed by errors that differ only in numbers, ids and quoted text."""
    items: tuple[BatchItem, ...] = ()
    started_at: datetime
    finished_at: datetime
    stopped_because: str | None = None
