"""What the pictures show beside the shop's night: sagas in states that are seldom seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from screenshots.recording import NOW


class Shaky(InMemorySnapshotStorage):
    """A store that is out of reach while ``down``."""

    down = False

    async def wait(self, cursor: int | None, timeout: float) -> int:
        """Answer soon, or not at all."""
        if self.down:
            raise StorageUnavailableError("the store does not answer; see whether it runs")
        return await super().wait(cursor, min(timeout, 0.05))


def parcel(saga_id: str, *rows: dict[str, Any], ago: float = 30) -> list[SagaSnapshot]:
    """A saga with one checkpoint a second, which began so many seconds ago."""
    began = NOW - timedelta(seconds=ago)
    return [
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="ParcelSaga",
            snapshot_id=f"{saga_id}-{number}",
            created_at=began + timedelta(seconds=number - 1),
            **{"context": {"to": "Basel", "grams": 410 * number}, **row},
        )
        for number, row in enumerate(rows, 1)
    ]


def before(step: str, **more: Any) -> dict[str, Any]:
    """The checkpoint before a step."""
    return {"kind": "before_step", "step_name": step, **more}


ENDED = {"kind": "completed", "status": "completed"}


def one_checkpoint() -> list[SagaSnapshot]:
    """One that has only begun."""
    return parcel("parcel_1", before("weigh"), ago=3)


def no_error() -> list[SagaSnapshot]:
    """One that went well, of which three checkpoints were lost on the way."""
    return parcel("parcel_2", before("weigh"), before("stamp"), before("send", gap=3), ENDED)


def cancelled() -> list[SagaSnapshot]:
    """One that was stopped before its second step, and undone."""
    undoing = {"step_name": "weigh", "status": "compensating", "completed_steps": ["weigh"]}
    return parcel(
        "parcel_3",
        before("weigh"),
        before("stamp", completed_steps=["weigh"]),
        {"kind": "before_compensation", **undoing},
        {"kind": "after_compensation", **undoing, "compensated_steps": ["weigh"]},
        {"kind": "failed", "status": "failed", "compensation": "completed"},
    )


def running(more: int = 0) -> list[SagaSnapshot]:
    """One that has written nothing for a while, or so much more."""
    steps = (before(step) for step in ("weigh", "stamp", "send", "tell", "thank")[: 3 + more])
    return parcel("parcel_4", *steps, ago=40)


async def replay_under_way(storage: SnapshotStorage) -> None:
    """Record one that was cancelled, and its replay under way."""
    for snapshot in cancelled():
        await storage.save_snapshot(snapshot)
    lease = await storage.acquire_lease("parcel_3", owner="ana@shop-3:4711", holder="parcel_3~r1")
    writer = storage.writer(
        saga_id="parcel_3~r1",
        saga_name="ParcelSaga",
        root_id="parcel_3",
        parent_id="parcel_3",
        parent_sequence=2,
        fence=lease.fence,
    )
    for snapshot in parcel("parcel_3~r1", before("stamp"), before("send"), ago=5):
        await writer.append(capture(snapshot))
