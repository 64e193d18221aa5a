"""The words of the project as data: snapshots, summaries, changes, plans and results.

Nothing here does anything. All times are timezone-aware UTC, all durations seconds.
What belongs to replays is imported when it is first named: looking back does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sagaz_core.model.looking_back import (
    Difference,
    DifferenceKind,
    HistoricalState,
    KeyTouch,
    StateChange,
)
from sagaz_core.model.masked import Masked
from sagaz_core.model.run import (
    FORWARD_KINDS,
    Attempt,
    Compensation,
    Kind,
    RunInfo,
    SagaResult,
    Status,
    StepError,
    StepInfo,
    StepOutcome,
    StepRecord,
)
from sagaz_core.model.saga import (
    CheckpointSummary,
    SagaSnapshot,
    SagaSummary,
)
from sagaz_core.model.values import (
    MISSING,
    Missing,
    NotStored,
    new_id,
    utc_now,
)

if TYPE_CHECKING:
    from sagaz_core.model.batch import BatchLogEntry
    from sagaz_core.model.plan import (
        Drift,
        PlannedOverride,
        PlannedStep,
        PlanProblem,
        ReplayPlan,
        StepFate,
    )
    from sagaz_core.model.rehearsal import (
        Knowledge,
        Rehearsal,
        RehearsedStep,
    )
    from sagaz_core.model.replay import (
        ReplayLogEntry,
        ReplayResult,
        ReplayStatus,
    )

_OF_REPLAYS = {
    "batch": "BatchLogEntry",
    "plan": "Drift PlannedOverride PlannedStep PlanProblem ReplayPlan StepFate",
    "rehearsal": "Knowledge Rehearsal RehearsedStep",
    "replay": "ReplayLogEntry ReplayResult ReplayStatus",
}
_HOMES = {name: home for home, names in _OF_REPLAYS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


__all__ = [
    "FORWARD_KINDS",
    "MISSING",
    "Attempt",
    "BatchLogEntry",
    "CheckpointSummary",
    "Compensation",
    "Difference",
    "DifferenceKind",
    "Drift",
    "HistoricalState",
    "KeyTouch",
    "Kind",
    "Knowledge",
    "Masked",
    "Missing",
    "NotStored",
    "PlanProblem",
    "PlannedOverride",
    "PlannedStep",
    "Rehearsal",
    "RehearsedStep",
    "ReplayLogEntry",
    "ReplayPlan",
    "ReplayResult",
    "ReplayStatus",
    "RunInfo",
    "SagaResult",
    "SagaSnapshot",
    "SagaSummary",
    "StateChange",
    "Status",
    "StepError",
    "StepFate",
    "StepInfo",
    "StepOutcome",
    "StepRecord",
    "new_id",
    "utc_now",
]
