"""The words of the project as data: snapshots, summaries, changes, plans and results.

Nothing here does anything. All times are timezone-aware UTC, all durations seconds.
"""

from sagaz_core.model.batch import BatchLogEntry
from sagaz_core.model.looking_back import (
    Difference,
    DifferenceKind,
    HistoricalState,
    KeyTouch,
    StateChange,
)
from sagaz_core.model.masked import Masked
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
