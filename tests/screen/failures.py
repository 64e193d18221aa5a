"""Sagas that failed, as they stand in a store, for the tests of the list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sagaz_core.model import SagaSnapshot, StepError
from sagaz_core.storage.storage import SnapshotStorage

NOW = datetime(2026, 7, 3, 3, 12, 7, tzinfo=UTC)
DECLINED = StepError("CardDeclined", "token expired")
TIMEOUT = StepError("GatewayTimeout", "no answer after 30s")


def moment(age: float) -> datetime:
    """So many seconds ago."""
    return NOW - timedelta(seconds=age)


async def fail(
    storage: SnapshotStorage,
    saga_id: str,
    *,
    age: float = 60,
    error: StepError = DECLINED,
    **more: Any,
) -> None:
    """Record a saga that failed so many seconds ago."""
    fields: dict[str, Any] = {"saga_name": "OrderSaga", "step_name": "charge", **more}
    await storage.save_snapshot(
        SagaSnapshot(
            saga_id=saga_id,
            kind="failed",
            status="failed",
            compensation="completed",
            error=error,
            created_at=moment(age),
            **fields,
        )
    )


async def begin(storage: SnapshotStorage, saga_id: str, *, age: float = 1) -> None:
    """Record a saga that runs."""
    await storage.save_snapshot(
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="OrderSaga",
            kind="before_step",
            step_name="reserve",
            created_at=moment(age),
        )
    )


async def complete(storage: SnapshotStorage, saga_id: str, *, age: float = 0) -> None:
    """Record that a saga has completed."""
    await storage.save_snapshot(
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="OrderSaga",
            kind="completed",
            status="completed",
            created_at=moment(age),
        )
    )


async def recover(storage: SnapshotStorage, saga_id: str) -> None:
    """Record that a replay has brought a saga's family to success."""
    replay = f"{saga_id}~r1"
    lease = await storage.acquire_lease(saga_id, owner="test", holder=replay)
    writer = storage.writer(
        saga_id=replay, saga_name="OrderSaga", root_id=saga_id, parent_id=saga_id, fence=lease.fence
    )
    await writer.finish("completed", "none")
    await lease.release(recovered_by=replay)
