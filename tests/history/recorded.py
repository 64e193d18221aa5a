"""A saga recorded by hand, one minute between its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.storage import SnapshotStorage

NOON = datetime(2024, 12, 15, 12, 0, tzinfo=UTC)


def minute(number: int) -> datetime:
    """Return the time of checkpoint ``number``."""
    return NOON + timedelta(minutes=number)


async def record(
    storage: SnapshotStorage,
    states: Sequence[Mapping[str, Any]],
    saga_id: str = "order_1",
    **fields: Any,
) -> list[SagaSnapshot]:
    """Record one checkpoint for each context and return them as they were saved."""
    snapshots = [
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="OrderSaga",
            kind="before_step",
            step_name=f"step_{number}",
            context=dict(state),
            completed_steps=[f"step_{done}" for done in range(1, number)],
            created_at=minute(number),
            **fields,
        )
        for number, state in enumerate(states, start=1)
    ]
    for snapshot in snapshots:
        await storage.save_snapshot(snapshot)
    return snapshots
