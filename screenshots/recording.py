"""What the pictures show: a shop's night as the demo tells it, with nothing left to chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sagaz_core.model import Attempt, RunInfo, SagaSnapshot, StepError, StepRecord
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from screenshots.recording_sold import order_steps, record_sold

NOW = datetime(2026, 7, 3, 3, 12, 7, tzinfo=UTC)
ORDER = "order_8841"

_BEGAN = NOW - timedelta(seconds=96)
_MS = timedelta(milliseconds=1)
_STEPS = ("reserve_inventory", "charge_payment", "ship_order")
_DECLINED = StepError(
    "CardDeclined",
    "token expired",
    """Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/sagaz_core/saga/attempts.py", line 61, in attempt
    return await action(context)
  File "/srv/shop/payment.py", line 71, in _charge
    charge = self.gateway.charge(ctx["payment_token"], ctx["amount"])
  File "/srv/shop/payment.py", line 88, in charge
    raise CardDeclined(resp.reason)
shop.payment.CardDeclined: token expired
""",
)
_TIMEOUT = StepError("GatewayTimeout", "no answer after 30s")
_CARRIER = StepError("CarrierDown", "503 from storm_express: no parcels today")
_CONTEXT = {
    "amount": Decimal("655.99"),
    "cart": {
        "currency": "EUR",
        "lines": [
            {"sku": "DK-771", "title": "Docking station", "qty": 3, "price": Decimal("189.00")},
            {"sku": "KB-104", "title": "Keyboard, ISO", "qty": 1, "price": Decimal("88.99")},
        ],
    },
    "customer": {"id": "cus_5073", "vip": False},
    "order_id": ORDER,
    "parcel_cm": (60, 40, 25),
    "payment_token": "tok_expired",
    "placed_at": datetime(2026, 7, 3, 3, 9, 58, tzinfo=UTC),
}


async def record(storage: SnapshotStorage) -> None:
    """Record everything."""
    for number in range(120):
        await _failed(storage, 8600 + number, _outage(number), _kind(number))
    for number, age in enumerate((940, 811, 640, 522, 391, 287, 205, 168, 131)):
        await _failed(storage, 8820 + 2 * number, age, _kind(number))
    await record_sold(storage, NOW - timedelta(seconds=118))
    await _running(storage, "order_8842", 4)
    writer = storage.writer(saga_id=ORDER, saga_name="OrderSaga")
    for snapshot in order():
        await writer.append(capture(snapshot), run=RunInfo(steps=order_steps()))


def _outage(number: int) -> float:
    """How many seconds ago one of 120 orders failed: few at first, then many, then few."""
    place = (2 * number - 119) / 119
    return 6600 - 5400 * place * abs(place)


def order() -> list[SagaSnapshot]:
    """The newest failure: its token has expired, three attempts, rolled back."""
    reserved = {
        "context": {
            **_CONTEXT,
            "amount": Decimal("661.94"),
            "stock_held_until": datetime(2026, 7, 3, 5, 9, 58, tzinfo=UTC),
        },
        "results": {"reserve_inventory": {"reservation_id": "rsv_8841", "qty": 4}},
        "completed_steps": ["reserve_inventory"],
    }
    undone = {**reserved, "compensated_steps": ["reserve_inventory"]}
    rows: list[dict[str, Any]] = [
        {"kind": "before_step", "step_name": "reserve_inventory", "context": _CONTEXT},
        {"kind": "before_step", "step_name": "charge_payment", "step_records": (_reserved(),)}
        | reserved,
        {"kind": "step_failed", "step_name": "charge_payment", "attempts": 3, "error": _DECLINED}
        | {"step_records": (_charged(),), **reserved},
        {"kind": "before_compensation", "step_name": "reserve_inventory", **reserved}
        | {"status": "compensating", "error": _DECLINED},
        {"kind": "after_compensation", "step_name": "reserve_inventory", **undone}
        | {"status": "compensating", "error": _DECLINED},
        {"kind": "failed", "step_name": "charge_payment", "error": _DECLINED, **undone}
        | {"status": "failed", "compensation": "completed"},
    ]
    times = (0, 41, 4153, 4160, 4201, 4203)
    return [
        SagaSnapshot(
            saga_id=ORDER,
            saga_name="OrderSaga",
            snapshot_id=f"{ORDER}-{number}",
            created_at=_BEGAN + at * _MS,
            step_index=_STEPS.index(row["step_name"]),
            **row,
        )
        for number, (at, row) in enumerate(zip(times, rows, strict=True), 1)
    ]


def _reserved() -> StepRecord:
    return StepRecord(
        "reserve_inventory",
        "completed",
        (Attempt(1, _BEGAN, 0.038),),
        keys_read=("cart", "placed_at"),
        keys_set=("amount", "stock_held_until"),
    )


def _charged() -> StepRecord:
    attempts = tuple(
        Attempt(number, _BEGAN + at * _MS, 1.204, _DECLINED)
        for number, at in ((1, 42), (2, 1397), (3, 2949))
    )
    keys = ("amount", "payment_token")
    return StepRecord("charge_payment", "failed", attempts, keys_read=keys)


def _kind(number: int) -> tuple[str, StepError, str]:
    if number % 11 == 4:
        return "ship_order", _CARRIER, "failed"
    return ("charge_payment", _DECLINED if number % 4 == 3 else _TIMEOUT, "completed")


async def _failed(
    storage: SnapshotStorage, number: int, age: float, kind: tuple[str, StepError, str]
) -> None:
    step, error, compensation = kind
    # Three tries of half a minute each, or an answer at once.
    took = (90.1 if error is _TIMEOUT else 2.1) + number % 17 * 0.113
    began = NOW - timedelta(seconds=age + took)
    for sequence, (at, more) in enumerate(
        (
            (0, {"kind": "before_step", "step_name": step}),
            (took, {"kind": "failed", "status": "failed", "step_name": step, "error": error}),
        ),
        1,
    ):
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id=f"order_{number}",
                saga_name="OrderSaga",
                snapshot_id=f"order_{number}-{sequence}",
                created_at=began + timedelta(seconds=at),
                compensation=compensation if at else "none",  # type: ignore[arg-type]
                **more,  # type: ignore[arg-type]
            )
        )


async def _running(storage: SnapshotStorage, saga_id: str, age: float) -> None:
    await storage.save_snapshot(
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="OrderSaga",
            snapshot_id=f"{saga_id}-1",
            kind="before_step",
            step_name="charge_payment",
            created_at=NOW - timedelta(seconds=age),
        )
    )
