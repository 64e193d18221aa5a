"""Over a whole family, with what was undone done again, every effect stands exactly once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay import shop
from tests.replay.shop import Ledger, Shop, order, run_order

GOOD = {"payment_token": "tok_new"}
EACH_ONCE = {"reserve": 1, "charge": 1, "ship": 1, "announce": 1}


class AnnouncedShop(Shop):
    """A shop that can take back a shipment, and announces it at the end."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge, self.refund)
        await self.add_step("ship", self.ship, self.fetch_back)
        await self.add_step("announce", self.announce)

    async def fetch_back(self, _result: None, ctx: StepContext) -> None:
        shop.LEDGER.note(ctx.saga_id, "fetch back", ctx["reserve"]["reservation"])

    async def announce(self, ctx: StepContext) -> None:
        shop.LEDGER.note(ctx.saga_id, "announce", ctx["charge"])


async def replay(
    storage: SnapshotStorage, saga_id: str = "order_1", step: str = "charge", **how: Any
) -> ReplayResult:
    return await SagaReplay(saga_id, storage).from_checkpoint(step, **how)


def standing(ledger: Ledger) -> dict[str, int]:
    """How many of each effect stand."""
    count = Counter(ledger.verbs())
    return {
        "reserve": count["reserve"] - count["release"],
        "charge": count["charge"] - count["refund"],
        "ship": count["ship"] - count["fetch back"],
        "announce": count["announce"],
    }


def fates(result: ReplayResult) -> list[tuple[str, str | None]]:
    assert result.plan is not None
    return [(step.fate, step.undone_by) for step in result.plan.steps]


@pytest.mark.parametrize("replayed", ["order_1", "order_1~r1"])
async def test_a_replay_after_one_that_failed_and_was_rolled_back_does_each_thing_once(
    any_storage: SnapshotStorage, ledger: Ledger, replayed: str
) -> None:
    await run_order(any_storage, saga_class=AnnouncedShop)
    ledger.failing.add("announce")
    first = await replay(any_storage, context_override=GOOD)
    assert (first.status, first.compensation) == ("failed", "completed")
    assert fates(first)[0] == ("runs_again", "order_1")
    assert ledger.verbs("order_1~r1") == [
        "reserve",
        "charge",
        "ship",
        "fetch back",
        "refund",
        "release",
    ]
    assert standing(ledger) == {"reserve": 0, "charge": 0, "ship": 0, "announce": 0}
    ledger.failing.clear()
    second = await replay(any_storage, replayed, context_override=GOOD)
    assert (second.status, second.new_saga_id) == ("success", "order_1~r2")
    assert fates(second)[0] == ("runs_again", replayed)
    assert standing(ledger) == EACH_ONCE


async def test_a_replay_from_where_the_first_one_failed_redoes_what_that_one_undid(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage, saga_class=AnnouncedShop)
    ledger.failing.add("announce")
    await replay(any_storage, context_override=GOOD)
    ledger.failing.clear()
    second = await replay(any_storage, "order_1~r1", "announce")
    assert second.status == "success"
    assert fates(second) == [*[("runs_again", "order_1~r1")] * 3, ("runs", None)]
    assert standing(ledger) == EACH_ONCE


async def test_what_a_forced_failure_of_a_completed_saga_undid_is_done_again_by_the_next_replay(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage, saga_class=AnnouncedShop, context=order(**GOOD))
    assert standing(ledger) == EACH_ONCE
    forced = await replay(any_storage, step="announce", force_failure=True)
    assert (forced.status, forced.compensation) == ("failed", "completed")
    assert standing(ledger) == {"reserve": 0, "charge": 0, "ship": 0, "announce": 1}
    result = await replay(any_storage, step="announce")
    assert result.status == "success"
    assert fates(result)[:3] == [("runs_again", "order_1~r1")] * 3
    # An announcement cannot be taken back: the plan says that it happens a second time.
    assert result.plan is not None
    assert "a second time" in result.plan.steps[-1].note
    assert standing(ledger) == {**EACH_ONCE, "announce": 2}


async def test_redone_effects_are_those_that_the_next_rollback_undoes(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage, saga_class=AnnouncedShop, context=order(**GOOD))
    for _ in range(3):
        forced = await replay(any_storage, step="announce", force_failure=True)
        assert forced.compensation == "completed"
        assert standing(ledger) == {"reserve": 0, "charge": 0, "ship": 0, "announce": 1}
    refunded = [detail for _, verb, detail in ledger.entries if verb == "refund"]
    assert len(set(refunded)) == len(refunded) == 3
    assert (await replay(any_storage, step="announce")).status == "success"
    assert standing(ledger) == {**EACH_ONCE, "announce": 2}
