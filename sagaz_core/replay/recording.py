"""What a replay records: as its class does, but every step, and for as long as its original."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sagaz_core.config import RECORDING_BY_DEFAULT, SagaConfig
from sagaz_core.model import SagaSnapshot


def recording_config(own: SagaConfig, snapshot: SagaSnapshot) -> SagaConfig:
    """Return the configuration of a replay.

    Args:
        own: that of the saga as its code makes it.
        snapshot: the checkpoint that the replay grows from.
    """
    until = snapshot.retention_until
    return replace(
        own,
        replay_config=replace(
            own.replay_config or RECORDING_BY_DEFAULT,
            enable_snapshots=True,
            snapshot_strategy="before_each_step",
            on_capture_error="raise",
            retention_days=(
                None if until is None else (until - snapshot.created_at) / timedelta(days=1)
            ),
        ),
    )
