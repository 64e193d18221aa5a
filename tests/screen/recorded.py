"""Checkpoints as values and as rows of a store, for the tests of the debugger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sagaz_core.model import (
    Attempt,
    CheckpointSummary,
    Kind,
    SagaSnapshot,
    StepError,
    StepRecord,
)
from sagaz_core.storage.storage import SnapshotStorage

BEGAN = datetime(2026, 7, 3, 3, 10, 37, 96000, tzinfo=UTC)
TRACEBACK = """Traceback (most recent call last):
  File "/app/shop/http.py", line 12, in post
    raise ConnectionError("refused")
ConnectionError: refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/gateway/client.py", line 88, in run
    await action(ctx)
  File "/app/shop/payment.py", line 80, in _charge
    return self._send(token)
           ^^^^^^^^^^^^^^^^^
  File "/app/shop/payment.py", line 88, in _send
    raise CardDeclined(resp.reason)
shop.payment.CardDeclined: token expired
"""
DECLINED = StepError("CardDeclined", "token expired\nask for another", TRACEBACK)


def at(number: int) -> datetime:
    """When checkpoint ``number`` was taken."""
    return BEGAN + timedelta(seconds=1.5 * (number - 1))


def checkpoint(number: int, kind: Kind, step: str | None = None, **more: Any) -> CheckpointSummary:
    """A checkpoint as a value."""
    fields = {"status": "executing", "step_index": None, "created_at": at(number), **more}
    return CheckpointSummary(
        saga_id="order_1",
        sequence=number,
        snapshot_id=f"s{number}",
        kind=kind,
        step_name=step,
        **fields,
    )


def order_checkpoints() -> tuple[CheckpointSummary, ...]:
    """An order whose payment failed three times and that was rolled back."""
    return (
        checkpoint(1, "before_step", "reserve"),
        checkpoint(2, "before_step", "charge"),
        checkpoint(
            3, "step_failed", "charge", attempts=3, error=DECLINED, step_records=(charged(),)
        ),
        checkpoint(4, "before_compensation", "reserve"),
        checkpoint(5, "after_compensation", "reserve"),
        checkpoint(6, "failed", None, error=DECLINED),
    )


def charged() -> StepRecord:
    """How the failed payment went."""
    attempts = tuple(Attempt(n, at(n), 1.204, DECLINED) for n in (1, 2, 3))
    return StepRecord("charge", "failed", attempts, ("amount", "payment_token"), ("tries",))


def order_snapshots(saga_id: str = "order_1", **context: Any) -> list[SagaSnapshot]:
    """The same order, to be stored."""
    before = {
        "amount": Decimal("99.99"),
        "cart": [{"sku": "A-1", "qty": 2}, {"sku": "B-9", "qty": 1}],
        "order_id": "8841",
        "payment_token": "tok_old",
        **context,
    }
    results = {"reserve": {"reservation_id": "rsv_771", "qty": 2}}
    done: dict[str, Any] = {"results": results, "completed_steps": ["reserve"]}
    reserved = StepRecord("reserve", "completed", (Attempt(1, BEGAN, 0.041),), ("cart",), ())
    undoing: dict[str, Any] = {**done, "status": "compensating"}
    undone: dict[str, Any] = {**done, "compensated_steps": ["reserve"]}
    rows: list[dict[str, Any]] = [
        {"kind": "before_step", "step_name": "reserve", "step_index": 0},
        {"kind": "before_step", "step_name": "charge", "step_index": 1, "step_records": (reserved,)}
        | done,
        {"kind": "step_failed", "step_name": "charge", "step_index": 1, "attempts": 3}
        | {"error": DECLINED, "step_records": (charged(),), **done},
        {"kind": "before_compensation", "step_name": "reserve", **undoing},
        {"kind": "after_compensation", "step_name": "reserve", **undone, "status": "compensating"},
        {"kind": "failed", "error": DECLINED, "compensation": "completed", **undone}
        | {"status": "failed"},
    ]
    return [
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="OrderSaga",
            snapshot_id=f"{saga_id}-{number}",
            created_at=at(number),
            **{"context": before, **row},
        )
        for number, row in enumerate(rows, 1)
    ]


def counting_snapshots(count: int, saga_id: str = "count_1", first: int = 1) -> list[SagaSnapshot]:
    """A saga that is still running, of so many steps; ``count`` grows by one with each."""
    return [
        SagaSnapshot(
            saga_id=saga_id,
            saga_name="CountSaga",
            snapshot_id=f"{saga_id}-{number}",
            kind="before_step",
            step_name=f"step_{number:03}",
            step_index=number - 1,
            context={"count": number, "steady": "same"},
            completed_steps=[f"step_{done:03}" for done in range(1, number)],
            created_at=at(number),
        )
        for number in range(first, first + count)
    ]


async def record(storage: SnapshotStorage, snapshots: list[SagaSnapshot]) -> None:
    """Store checkpoints in order."""
    for snapshot in snapshots:
        await storage.save_snapshot(snapshot)
