"""A batch under way, as its process tells of it, with nothing left to chance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sagaz_tui.batch.run import BatchRun
from screenshots.recording import NOW

_TOTAL = 1499
_DONE = 874
_RATE = 31.0
_UNDER_WAY = 16


class RecordedBatch(BatchRun):
    """Reads what a process wrote that never was, and is never over."""

    @property
    def over(self) -> bool:
        """It goes on."""
        return False


def batch_under_way(folder: Path) -> BatchRun:
    """Return a batch of which more than half is done."""
    log = folder / "batch.log"
    log.write_text("".join(f"{json.dumps(event)}\n" for event in _events()), encoding="utf-8")
    return RecordedBatch(0, log)


def _events() -> Iterator[dict[str, Any]]:
    yield _event("batch_started", 0)
    for number in range(_DONE):
        yield _event("item_ended", number + 1) | _item(number)
    for number in range(_DONE, _DONE + _UNDER_WAY):
        yield _event("item_started", _DONE) | _item(number)


def _event(kind: str, done: int) -> dict[str, Any]:
    return {
        "event": kind,
        "at": (NOW + timedelta(seconds=done / _RATE)).isoformat(),
        "batch_id": "batch-20260703-031207-5c1f0e",
        "done": done,
        "total": _TOTAL,
    }


def _item(number: int) -> dict[str, Any]:
    saga_id = f"order_{8841 - number}"
    state, error, reason = "succeeded", None, None
    if number % 149 == 148:
        state, error = "failed", "ship_order: CarrierDown: 503 from storm_express"
    elif number % 301 == 300:
        state, reason = "skipped", f"{saga_id}~r1 of its family has succeeded already"
    return {
        "saga_id": saga_id,
        "saga_name": "OrderSaga",
        "from_step": "charge_payment",
        "state": state,
        "new_saga_id": None if state == "skipped" else f"{saga_id}~r1",
        "error": error,
        "reason": reason,
    }
