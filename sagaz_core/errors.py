"""Every error a user of the library can meet; each message says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


class SagazError(Exception):
    """Base of all errors raised by sagaz."""


# ---------------------------------------------------------------- wrong use


class UsageError(SagazError, ValueError):
    """An argument, a setting or an identifier is not what it must be."""


class InvalidSagaIdError(UsageError):
    """A saga id is empty, longer than 256 characters or holds unprintable ones."""


class SagaDefinitionError(SagazError):
    """A saga's steps do not fit together; raised before anything runs."""


class OverrideError(UsageError):
    """An override cannot be read or does not fit the context it is for."""


class ExpressionError(UsageError):
    """An expression does not parse, names what is not there, or takes too long."""


# ---------------------------------------------------------------- not found


class NotFoundError(SagazError, LookupError):
    """What was asked for is not in the store."""


class SagaNotFoundError(NotFoundError):
    """No saga of this id is in the store."""

    def __init__(self, saga_id: str) -> None:
        super().__init__(
            f"no saga {saga_id!r} in this store; `sagaz sagas` lists the ones there are"
        )
        self.saga_id = saga_id


class SagaForgottenError(SagaNotFoundError):
    """The saga's family was erased, as is on record; the message says when and by whom."""

    def __init__(self, saga_id: str, at: str, by: str) -> None:
        super().__init__(saga_id)
        self.args = (
            f"saga {saga_id!r} was forgotten on {at} by {by}; nothing of its family is left",
        )


class SnapshotNotFoundError(NotFoundError):
    """No checkpoint fits; the message names the steps that have one."""


class SagaClassNotFoundError(NotFoundError):
    """The code of a recorded saga is not defined in this process."""


class AmbiguousSagaError(SagazError):
    """Several classes carry a recorded saga's name and none its module."""


# ---------------------------------------------------------------- running


class StepTimeoutError(SagazError, TimeoutError):
    """A step took longer than its timeout: whether it had its effect is not known."""


class RunStoppedError(SagazError):
    """Somebody asked the run to stop: the steps under way ended, and what was done is undone."""


# ---------------------------------------------------------------- recording


class SnapshotCaptureError(SagazError):
    """A value could not be recorded.

    ``path`` is the JSON Pointer of the value in the checkpoint's context.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class StoreLostError(SnapshotCaptureError):
    """A replay lost its store and stopped where it was; it can be resumed once that is back."""


class RunRefusedError(SagazError):
    """The store refused a run's write; the run stops before its next action."""


class LeaseLostError(RunRefusedError):
    """Another run has taken the family over: this run's fencing token is stale."""


class HeadConflictError(RunRefusedError):
    """Somebody else wrote to this saga since this writer last did."""


class DuplicateSnapshotError(RunRefusedError):
    """A snapshot with this id but other content is already stored."""


# ---------------------------------------------------------------- storage


class StorageError(SagazError):
    """The store cannot be used."""


class StorageUnavailableError(StorageError):
    """The store cannot be reached, opened or written: missing, locked, full, no permission."""


class NotASagazStoreError(StorageError):
    """The file is no database, or a database of something else."""


class SchemaTooNewError(StorageError):
    """The store was written by a newer sagaz."""


class ReadOnlyStoreError(StorageError):
    """The store was opened read-only and refuses every write."""


class CorruptEntryError(StorageError):
    """A stored checkpoint cannot be decoded."""


# ---------------------------------------------------------------- secrets


class DecryptionError(SagazError):
    """A secret cannot be decrypted: its key is not at hand, or it was altered."""


class NotAllowedError(SagazError):
    """The settings do not allow this program to do that."""


class TamperedError(CorruptEntryError, DecryptionError):
    """A stored checkpoint is not the one that was written."""


# ---------------------------------------------------------------- replay


class ReplayInProgressError(SagazError):
    """A run of this family is alive; one at a time may act.

    Attributes:
        holder: the saga id of that run.
        owner: who runs it: user, host and process.
        since: when it began to act.
    """

    def __init__(self, *, holder: str, owner: str, since: datetime, lapses_in: float) -> None:
        """Say who acts; ``lapses_in`` seconds from now its lease lapses if it gives no sign."""
        import shlex  # here, as every command reads this module when it starts

        super().__init__(
            f"{holder} of this family is running, by {owner or 'another process'}, since "
            f"{since.isoformat(timespec='seconds')}; wait until it has ended, and plan again. If "
            f"its process has died, `sagaz resume {shlex.quote(holder)}` takes it over "
            f"{lapses_in:.0f} s from now"
        )
        self.holder = holder
        self.owner = owner
        self.since = since


class PlanChangedError(SagazError):
    """What would run now differs from the plan that was shown."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(f"the plan changed: {', '.join(reasons)}; look at the new plan first")
        self.reasons = tuple(reasons)


class NotResumableError(SagazError):
    """A saga was not interrupted, or too little is known of what it did to go on with it."""


class BatchNotFoundError(NotFoundError):
    """No batch of this id is in the store."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"no batch {batch_id!r} in this store; it is named when the batch begins")
        self.batch_id = batch_id


class BatchChangedError(SagazError):
    """What a batch would do now differs from what it was begun with."""


class SagaFactoryError(SagazError):
    """The saga factory is missing, raised, hung or returned something else."""


class ForcedFailureError(SagazError):
    """Raised in place of a step's action when a replay asks for its failure."""
