"""A quote with three branches at the same time, which failed and was undone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sagaz_core.model import Attempt, RunInfo, SagaSnapshot, StepError, StepInfo, StepRecord
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from screenshots.recording import NOW

QUOTE = "quote_0311"
_BEGAN = NOW - timedelta(seconds=212)
_MS = timedelta(milliseconds=1)
_BRANCHES = ("check_fraud", "check_stock", "quote_freight")
_STEPS = (
    StepInfo("check_fraud", depends_on=()),
    StepInfo("check_stock", depends_on=(), compensated=True, compensation="_release"),
    StepInfo("quote_freight", depends_on=(), compensated=True, compensation="_cancel_pickup"),
    StepInfo("send_offer", depends_on=_BRANCHES),
)
_REFUSED = StepError(
    "MailboxFull",
    "452 einkauf@faerberei-sued.example: over quota",
    """Traceback (most recent call last):
  File "/srv/shop/offers.py", line 52, in _send_offer
    self.mail.send(ctx["customer"]["mail"], offer)
  File "/srv/shop/mail.py", line 31, in send
    raise MailboxFull(answer)
shop.mail.MailboxFull: 452 einkauf@faerberei-sued.example: over quota
""",
)
_CONTEXT = {
    "amount": Decimal("21576.00"),
    "customer": {"name": "Färberei Süd", "mail": "einkauf@faerberei-sued.example"},
    "qty": 240,
}
_RESULTS: dict[str, Any] = {
    "check_stock": {"held": 240},
    "quote_freight": {"price": Decimal("148.50"), "days": 4},
    "check_fraud": {"score": Decimal("0.07"), "rules": ("velocity", "address")},
}


async def record_quote(storage: SnapshotStorage) -> None:
    """Record the quote, and how its steps depend on each other."""
    writer = storage.writer(saga_id=QUOTE, saga_name="QuoteSaga", code="shop.sagas:QuoteSaga")
    for snapshot in _snapshots():
        await writer.append(capture(snapshot), run=RunInfo(steps=_STEPS))
    await writer.finish("failed", "completed")


def _snapshots() -> list[SagaSnapshot]:
    done = tuple(_RESULTS)
    rows: list[tuple[int, str, str | None, int, dict[str, Any]]] = [
        *((number, "before_step", step, 0, {}) for number, step in enumerate(_BRANCHES)),
        (14, "after_step", "check_stock", 1, {"step_records": (_took("check_stock", 0.012),)}),
        (23, "after_step", "quote_freight", 2, {"step_records": (_took("quote_freight", 0.02),)}),
        (34, "after_step", "check_fraud", 3, {"step_records": (_took("check_fraud", 0.031),)}),
        (35, "before_step", "send_offer", 3, {}),
        (1893, "step_failed", "send_offer", 3, {"attempts": 2, "error": _REFUSED}),
        (1899, "before_compensation", "quote_freight", 3, {"status": "compensating"}),
        (1931, "after_compensation", "quote_freight", 3, {"status": "compensating"}),
        (1932, "before_compensation", "check_stock", 3, {"status": "compensating"}),
        (1948, "after_compensation", "check_stock", 3, {"status": "compensating"}),
        (1949, "failed", "send_offer", 3, {"status": "failed", "compensation": "completed"}),
    ]
    return [
        SagaSnapshot(
            saga_id=QUOTE,
            saga_name="QuoteSaga",
            snapshot_id=f"{QUOTE}-{number}",
            created_at=_BEGAN + at * _MS,
            kind=kind,  # type: ignore[arg-type]
            step_name=step,
            context=_CONTEXT,
            results={name: _RESULTS[name] for name in done[:ended]},
            completed_steps=list(done[:ended]),
            compensated_steps=_undone(number),
            **{"error": _REFUSED if number > 8 else None, **more},
        )
        for number, (at, kind, step, ended, more) in enumerate(rows, 1)
    ]


def _undone(number: int) -> list[str]:
    return ["quote_freight", "check_stock"][: max(number - 8, 0) // 2]


def _took(step: str, seconds: float) -> StepRecord:
    return StepRecord(step, "completed", (Attempt(1, _BEGAN, seconds),))
