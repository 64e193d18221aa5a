"""Replays of runs that died: what was in flight is in doubt, and said to be."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.model import (
    ReplayResult,
    RunInfo,
    SagaSnapshot,
    StepInfo,
)
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.registry import code_of
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, Shop, order

STEPS = (
    StepInfo("reserve", compensated=True),
    StepInfo("charge", compensated=True),
    StepInfo("ship"),
)
AT_ONCE = 0.000001
"""A lease's term in seconds that has lapsed by the time anybody looks."""


async def die_after(storage: SnapshotStorage, *checkpoints: dict[str, Any]) -> None:
    """Record these checkpoints as a run whose process then died."""
    writer = storage.writer(
        saga_id="order_1",
        saga_name="Shop",
        code=code_of(Shop),
        fence=1,
        claim=True,
        term=AT_ONCE,
    )
    for fields in checkpoints:
        snapshot = SagaSnapshot(
            saga_id="order_1",
            saga_name="Shop",
            context=order(payment_token="tok_new"),
            results={"reserve": {"reservation": "rsv-0"}},
            completed_steps=["reserve"],
            **fields,
        )
        await writer.append(capture(snapshot), run=RunInfo(code=code_of(Shop), steps=STEPS))
    saga = await storage.get_saga("order_1")
    assert saga is not None
    assert saga.status == "interrupted"


async def replay(storage: SnapshotStorage, **how: Any) -> ReplayResult:
    return await SagaReplay("order_1", storage).from_checkpoint("charge", **how)


def fates(result: ReplayResult) -> list[str]:
    assert result.plan is not None
    return [step.fate for step in result.plan.steps]


async def test_a_step_in_flight_at_a_crash_is_in_doubt_and_runs_again(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await die_after(storage, {"kind": "before_step", "step_name": "charge"})
    result = await replay(storage)
    assert (result.status, fates(result)) == ("success", ["restored", "in_doubt", "runs"])
    assert ledger.verbs() == ["charge", "ship"]


@pytest.mark.parametrize(("choice", "ran"), [("retry", ["reserve"]), ("skip", [])])
async def test_a_compensation_in_flight_at_a_crash_asks_for_a_choice(
    storage: SnapshotStorage, ledger: Ledger, choice: str, ran: list[str]
) -> None:
    await die_after(
        storage,
        {"kind": "before_step", "step_name": "charge"},
        {"kind": "step_failed", "step_name": "charge"},
        {"kind": "before_compensation", "step_name": "reserve", "status": "compensating"},
    )
    undecided = await replay(storage)
    assert (undecided.status, fates(undecided)[0]) == ("invalid", "in_doubt")
    result = await replay(storage, in_doubt=choice)
    assert result.status == "success"
    assert ledger.verbs() == [*ran, "charge", "ship"]


async def test_a_compensation_that_had_ended_is_known_to_have(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await die_after(
        storage,
        {"kind": "before_step", "step_name": "charge"},
        {"kind": "before_compensation", "step_name": "reserve", "status": "compensating"},
        {
            "kind": "after_compensation",
            "step_name": "reserve",
            "status": "compensating",
            "compensated_steps": ["reserve"],
        },
    )
    result = await replay(storage)
    assert (result.status, fates(result)[0]) == ("success", "runs_again")
    assert ledger.verbs() == ["reserve", "charge", "ship"]
