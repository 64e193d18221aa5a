"""Sagas that are recorded as they run, looked back on, corrected and replayed.

The public names. Each is imported when it is first used, so that importing this package loads
no driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.keys import KeyProvider, KeyRing
    from sagaz_core.compliance.manager import ComplianceManager
    from sagaz_core.config import Backoff, ReplayConfig, SagaConfig, SnapshotStrategy
    from sagaz_core.errors import (
        AmbiguousSagaError,
        BatchChangedError,
        BatchNotFoundError,
        CorruptEntryError,
        DecryptionError,
        DuplicateSnapshotError,
        ForcedFailureError,
        HeadConflictError,
        InvalidSagaIdError,
        LeaseLostError,
        NotAllowedError,
        NotASagazStoreError,
        NotFoundError,
        NotResumableError,
        OverrideError,
        PlanChangedError,
        ReadOnlyStoreError,
        ReplayInProgressError,
        RunRefusedError,
        SagaClassNotFoundError,
        SagaDefinitionError,
        SagaFactoryError,
        SagaForgottenError,
        SagaNotFoundError,
        SagazError,
        SchemaTooNewError,
        SnapshotCaptureError,
        SnapshotNotFoundError,
        StepTimeoutError,
        StorageError,
        StorageUnavailableError,
        StoreLostError,
        TamperedError,
        UsageError,
    )
    from sagaz_core.history.blame import blame
    from sagaz_core.history.compliance_report import ComplianceReport, compliance_audit
    from sagaz_core.history.diff import diff, diff_checkpoints
    from sagaz_core.history.time_travel import SagaTimeTravel
    from sagaz_core.model import (
        MISSING,
        BatchLogEntry,
        CheckpointSummary,
        Difference,
        HistoricalState,
        KeyTouch,
        Masked,
        NotStored,
        ReplayLogEntry,
        ReplayPlan,
        ReplayResult,
        RunInfo,
        SagaResult,
        SagaSnapshot,
        SagaSummary,
        StateChange,
        StepError,
    )
    from sagaz_core.replay.batch import (
        BatchEvent,
        BatchItem,
        BatchPreview,
        BatchReplay,
        BatchReport,
        BatchSelection,
    )
    from sagaz_core.replay.replay import SagaReplay
    from sagaz_core.saga.recorder import SagaRecorder
    from sagaz_core.saga.saga import Saga
    from sagaz_core.storage.copying import CopyReport, copy_sagas
    from sagaz_core.storage.examining import examine_store
    from sagaz_core.storage.health import HealthReport
    from sagaz_core.storage.pruning import PruneReport
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_core.storage.url import open_storage

_NAMES = {
    "compliance.config": "ComplianceConfig",
    "compliance.keys": "KeyProvider KeyRing",
    "compliance.manager": "ComplianceManager",
    "config": "Backoff ReplayConfig SagaConfig SnapshotStrategy",
    "errors": (
        "AmbiguousSagaError BatchChangedError BatchNotFoundError CorruptEntryError "
        "DecryptionError NotAllowedError TamperedError "
        "DuplicateSnapshotError ForcedFailureError HeadConflictError InvalidSagaIdError "
        "LeaseLostError NotASagazStoreError NotFoundError NotResumableError "
        "OverrideError PlanChangedError ReadOnlyStoreError ReplayInProgressError RunRefusedError "
        "SagaClassNotFoundError SagaDefinitionError SagaFactoryError SagaForgottenError "
        "SagaNotFoundError SagazError SchemaTooNewError SnapshotCaptureError "
        "SnapshotNotFoundError StepTimeoutError "
        "StorageError StorageUnavailableError StoreLostError UsageError"
    ),
    "history.blame": "blame",
    "history.compliance_report": "ComplianceReport compliance_audit",
    "history.diff": "diff diff_checkpoints",
    "history.time_travel": "SagaTimeTravel",
    "model": (
        "MISSING BatchLogEntry CheckpointSummary Difference HistoricalState KeyTouch Masked "
        "NotStored ReplayLogEntry "
        "ReplayPlan ReplayResult RunInfo SagaResult SagaSnapshot SagaSummary StateChange StepError"
    ),
    "replay.batch": "BatchEvent BatchItem BatchPreview BatchReplay BatchReport BatchSelection",
    "replay.replay": "SagaReplay",
    "saga.recorder": "SagaRecorder",
    "saga.saga": "Saga",
    "storage.copying": "CopyReport copy_sagas",
    "storage.examining": "examine_store",
    "storage.health": "HealthReport",
    "storage.pruning": "PruneReport",
    "storage.storage": "SnapshotStorage",
    "storage.url": "open_storage",
}
_HOMES = {name: f"sagaz_core.{home}" for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "MISSING",
    "AmbiguousSagaError",
    "Backoff",
    "BatchChangedError",
    "BatchEvent",
    "BatchItem",
    "BatchLogEntry",
    "BatchNotFoundError",
    "BatchPreview",
    "BatchReplay",
    "BatchReport",
    "BatchSelection",
    "CheckpointSummary",
    "ComplianceConfig",
    "ComplianceManager",
    "ComplianceReport",
    "CopyReport",
    "CorruptEntryError",
    "DecryptionError",
    "Difference",
    "DuplicateSnapshotError",
    "ForcedFailureError",
    "HeadConflictError",
    "HealthReport",
    "HistoricalState",
    "InvalidSagaIdError",
    "KeyProvider",
    "KeyRing",
    "KeyTouch",
    "LeaseLostError",
    "Masked",
    "NotASagazStoreError",
    "NotAllowedError",
    "NotFoundError",
    "NotResumableError",
    "NotStored",
    "OverrideError",
    "PlanChangedError",
    "PruneReport",
    "ReadOnlyStoreError",
    "ReplayConfig",
    "ReplayInProgressError",
    "ReplayLogEntry",
    "ReplayPlan",
    "ReplayResult",
    "RunInfo",
    "RunRefusedError",
    "Saga",
    "SagaClassNotFoundError",
    "SagaConfig",
    "SagaDefinitionError",
    "SagaFactoryError",
    "SagaForgottenError",
    "SagaNotFoundError",
    "SagaRecorder",
    "SagaReplay",
    "SagaResult",
    "SagaSnapshot",
    "SagaSummary",
    "SagaTimeTravel",
    "SagazError",
    "SchemaTooNewError",
    "SnapshotCaptureError",
    "SnapshotNotFoundError",
    "SnapshotStorage",
    "SnapshotStrategy",
    "StateChange",
    "StepError",
    "StepTimeoutError",
    "StorageError",
    "StorageUnavailableError",
    "StoreLostError",
    "TamperedError",
    "UsageError",
    "blame",
    "compliance_audit",
    "copy_sagas",
    "diff",
    "diff_checkpoints",
    "examine_store",
    "open_storage",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
