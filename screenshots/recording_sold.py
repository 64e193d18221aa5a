"""An order that went well, from which a rehearsal can borrow what its steps did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sagaz_core.model import Attempt, RunInfo, SagaSnapshot, StepInfo, StepRecord
from sagaz_core.saga.fingerprint import fingerprint
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.demo.sagas import OrderSaga

SOLD = "order_8837"
_STEPS = ("reserve_inventory", "charge_payment", "ship_order")
_PLACED = {
    "amount": Decimal("89.90"),
    "cart": {"currency": "EUR", "lines": [{"sku": "KB-104", "title": "Keyboard, ISO", "qty": 1}]},
    "order_id": SOLD,
    "payment_token": "tok_visa",
    "placed_at": datetime(2026, 7, 3, 3, 8, 40, tzinfo=UTC),
}


async def record_sold(storage: SnapshotStorage, ended: datetime) -> None:
    """Record the order, which ended then."""
    writer = storage.writer(saga_id=SOLD, saga_name="OrderSaga")
    for snapshot in _snapshots(ended - timedelta(seconds=1)):
        await writer.append(capture(snapshot), run=RunInfo(steps=order_steps()))
    await writer.finish("completed", "none")


def order_steps() -> tuple[StepInfo, ...]:
    """An order's steps, as the demo's code defines them."""
    saga = OrderSaga()
    functions = ((saga._reserve, saga._release), (saga._charge, saga._refund), (saga._ship, None))
    return tuple(
        StepInfo(
            name,
            fingerprint=fingerprint(action, undo),
            compensated=undo is not None,
            compensation=undo.__name__ if undo is not None else "",
        )
        for name, (action, undo) in zip(_STEPS, functions, strict=True)
    )


def _snapshots(began: datetime) -> list[SagaSnapshot]:
    held = {**_PLACED, "stock_held_until": datetime(2026, 7, 3, 5, 8, 40, tzinfo=UTC)}
    results: dict[str, Any] = {
        "reserve_inventory": {"reservation_id": "rsv_8837", "qty": 1},
        "charge_payment": {"charge_id": "ch_8837", "token": "tok_visa"},
        "ship_order": {"tracking": "trk_8837"},
    }
    last = {**held, "status_mail": "Order order_8837 is on its way"}
    keys_set = (("stock_held_until",), (), ("status_mail",))
    return [
        SagaSnapshot(
            saga_id=SOLD,
            saga_name="OrderSaga",
            snapshot_id=f"{SOLD}-{done + 1}",
            kind="before_step" if done < len(_STEPS) else "completed",
            status="executing" if done < len(_STEPS) else "completed",
            step_name=_STEPS[done] if done < len(_STEPS) else None,
            context=(_PLACED, held, held, last)[done],
            results={name: results[name] for name in _STEPS[:done]},
            completed_steps=list(_STEPS[:done]),
            step_records=tuple(
                StepRecord(name, "completed", (Attempt(1, began, 0.204),), keys_set=keys)
                for name, keys in [*zip(_STEPS, keys_set, strict=True)][max(done - 1, 0) : done]
            ),
            created_at=began + done * timedelta(seconds=1 / 3),
        )
        for done in range(len(_STEPS) + 1)
    ]
