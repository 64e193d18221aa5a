"""How a saga is recorded: strategy, retention, and what a recording failure does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from sagaz_core.errors import UsageError

SnapshotStrategy = Literal[
    "before_each_step", "after_each_step", "on_failure", "on_completion", "manual"
]
STRATEGIES: Final[tuple[SnapshotStrategy, ...]] = get_args(SnapshotStrategy)

MAX_CONTEXT_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayConfig:
    """What is recorded of a run.

    Args:
        enable_snapshots: whether anything is recorded at all.
        snapshot_strategy: ``before_each_step`` (and every failure, compensation and end),
            ``after_each_step`` (the same, but after), ``on_failure`` (nothing unless a step
            finally fails, then the run so far and all that follows), ``on_completion`` (the
            end only) or ``manual`` (only :meth:`Saga.checkpoint`).
        retention_days: how long a saga is kept, counted from its latest checkpoint;
            None: for ever.
        on_capture_error: ``continue`` logs and counts what could not be recorded, ``raise``
            fails the saga with :class:`SnapshotCaptureError`, and what it did is undone: also
            where the store is out of reach, and learns of neither.
        max_context_bytes: a context larger than this, encoded, counts as not storable.
    """

    enable_snapshots: bool = False
    snapshot_strategy: SnapshotStrategy = "before_each_step"
    retention_days: float | None = 30
    on_capture_error: Literal["continue", "raise"] = "continue"
    max_context_bytes: int = MAX_CONTEXT_BYTES

    def __post_init__(self) -> None:
        if self.snapshot_strategy not in STRATEGIES:
            raise UsageError(
                f"unknown snapshot strategy {self.snapshot_strategy!r}; "
                f"use one of {', '.join(STRATEGIES)}"
            )
        if self.on_capture_error not in ("continue", "raise"):
            raise UsageError(
                f"on_capture_error is {self.on_capture_error!r}; use 'continue' or 'raise'"
            )
        if self.retention_days is not None and self.retention_days <= 0:
            raise UsageError("retention_days must be positive, or None to keep sagas for ever")
        if self.max_context_bytes <= 0:
            raise UsageError("max_context_bytes must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaConfig:
    """A saga's configuration.

    Args:
        replay_config: what is recorded. None: where a storage is given, every step for 30 days.
        app_version: the version of the program that defines the saga, recorded with each run.
    """

    replay_config: ReplayConfig | None = None
    app_version: str = ""


RECORDING_BY_DEFAULT: Final = ReplayConfig(enable_snapshots=True)
"""What applies where a storage is given and no configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits between the attempts of a step, in seconds.

    Before attempt ``n`` (from 2): ``initial * multiplier ** (n - 2)``, at most ``maximum``,
    then moved at random by up to ``jitter`` of itself in either direction.
    """

    initial: float = 0.1
    multiplier: float = 2.0
    maximum: float = 30.0
    jitter: float = 0.25

    def __post_init__(self) -> None:
        if self.initial < 0 or self.maximum < 0 or self.multiplier < 1 or not 0 <= self.jitter <= 1:
            raise UsageError(
                "a backoff needs initial and maximum >= 0, multiplier >= 1 and jitter in 0..1"
            )
