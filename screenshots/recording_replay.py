"""The replay of the order that the pictures show, with another token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.model import Attempt, PlannedOverride, ReplayLogEntry, SagaSnapshot, StepRecord
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from screenshots.recording import NOW, ORDER, order

REPLAY = f"{ORDER}~r1"
_BEGAN = NOW - timedelta(seconds=31)
_MS = timedelta(milliseconds=1)
_TOKENS = {"payment_token": "tok_new"}


async def record_replay(storage: SnapshotStorage) -> None:
    """Record the replay, and what the replay log tells of it."""
    lease = await storage.acquire_lease(ORDER, owner="the pictures", holder=REPLAY)
    writer = storage.writer(
        saga_id=REPLAY,
        saga_name="OrderSaga",
        root_id=ORDER,
        parent_id=ORDER,
        parent_sequence=2,
        fence=lease.fence,
    )
    for snapshot in _snapshots():
        await writer.append(capture(snapshot), release=False)
    await storage.save_replay_log(
        ReplayLogEntry(
            replay_id=REPLAY,
            original_saga_id=ORDER,
            from_step="charge_payment",
            snapshot_id=f"{ORDER}-2",
            sequence=2,
            override=(
                PlannedOverride(path="/payment_token", before="tok_expired", after="tok_new"),
            ),
            initiated_by="ana@shop-3",
            reason="the customer sent another card",
            started_at=_BEGAN,
        )
    )
    await lease.release(recovered_by=REPLAY)


def _snapshots() -> list[SagaSnapshot]:
    before, reserved = order()[0].context, order()[1].context
    results: dict[str, Any] = {"reserve_inventory": {"reservation_id": "rsv_9013", "qty": 4}}
    charged = {**results, "charge_payment": {"charge_id": "ch_5521", "authorised": True}}
    first = {**before, "amount": reserved["amount"], **_TOKENS}
    last = {**reserved, **_TOKENS, "tracking": "SE-551-208"}
    rows: list[dict[str, Any]] = [
        {"kind": "before_step", "step_name": "reserve_inventory", "context": first},
        {"kind": "before_step", "step_name": "charge_payment", "context": {**reserved, **_TOKENS}}
        | {"results": results, "step_records": (_done("reserve_inventory", 0.044),)},
        {"kind": "before_step", "step_name": "ship_order", "context": {**reserved, **_TOKENS}}
        | {"results": charged, "step_records": (_done("charge_payment", 0.812),)},
        {"kind": "completed", "step_name": None, "context": last, "status": "completed"}
        | {"results": charged, "step_records": (_done("ship_order", 0.205),)},
    ]
    done = ("reserve_inventory", "charge_payment", "ship_order")
    return [
        SagaSnapshot(
            saga_id=REPLAY,
            saga_name="OrderSaga",
            snapshot_id=f"{REPLAY}-{number}",
            created_at=_BEGAN + at * _MS,
            completed_steps=list(done[: number - 1]),
            **row,
        )
        for number, (at, row) in enumerate(zip((0, 47, 866, 1074), rows, strict=True), 1)
    ]


def _done(step: str, seconds: float) -> StepRecord:
    return StepRecord(step, "completed", (Attempt(1, _BEGAN, seconds),))
