"""What the pictures show beside the shop's night: sagas in states that are seldom seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import Masked, SagaSnapshot, StepError
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.writer import SagaWriter
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


def secret() -> list[SagaSnapshot]:
    """One whose second step set a secret anew."""
    masks = Masked(24, bytes.fromhex("a3f1")), Masked(31, bytes.fromhex("09bc"))
    old, new = ({"to": "Basel", "token": mask} for mask in masks)
    return parcel("parcel_5", before("weigh", context=old), before("pay", context=new))


def cancelled() -> list[SagaSnapshot]:
    """One that was cancelled in its second step, and undone."""
    error = StepError("CancelledError", "")
    done = {"completed_steps": ["weigh"]}
    undoing = {"step_name": "weigh", "status": "compensating", **done}
    return parcel(
        "parcel_3",
        before("weigh"),
        before("stamp", **done),
        {"kind": "step_failed", "step_name": "stamp", "error": error, "attempts": 1, **done},
        {"kind": "before_compensation", **undoing},
        {"kind": "after_compensation", **undoing, "compensated_steps": ["weigh"]},
        {"kind": "failed", "step_name": "stamp", "status": "failed", "error": error}
        | {"compensation": "completed"},
    )


async def record_running(storage: SnapshotStorage) -> SagaWriter:
    """Record one that has written nothing for a while, and return what goes on writing."""
    writer = storage.writer(
        saga_id="parcel_4", saga_name="ParcelSaga", claim=True, owner="shop-3:77", term=300
    )
    for snapshot in going_on(3):
        await writer.append(capture(snapshot))
    return writer


def going_on(count: int) -> list[SagaSnapshot]:
    """One that runs, after so many steps have begun."""
    steps = ("weigh", "stamp", "send", "tell", "thank")[:count]
    return parcel("parcel_4", *map(before, steps), ago=40)


async def record_replay(storage: SnapshotStorage) -> SagaWriter:
    """Record a cancelled one, and its replay under way; return what goes on writing."""
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
    for snapshot in replay()[:2]:
        await writer.append(capture(snapshot))
    return writer


def replay() -> list[SagaSnapshot]:
    """The replay, up to its failure."""
    error = StepError("MailFull", "no room in the van")
    return parcel(
        "parcel_3~r1",
        before("stamp"),
        before("send"),
        {"kind": "step_failed", "step_name": "send", "error": error, "attempts": 1},
        {"kind": "failed", "step_name": "send", "error": error, "status": "failed"}
        | {"compensation": "none"},
        ago=5,
    )
