"""A batch is previewed, planned and rehearsed as a whole, and nothing is written."""

from __future__ import annotations

from typing import Any

from sagaz_core import BatchEvent, BatchReplay, Saga, SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay import shop
from tests.replay.shop import order, run_order

FIXED = {"payment_token": "tok_new"}


class Doubtful(Saga):
    """Fails, and so does its way back: whether the reservation stands is not known."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge)

    async def reserve(self, ctx: StepContext) -> str:
        return "rsv-1"

    async def release(self, result: str, ctx: StepContext) -> None:
        raise ConnectionError("the warehouse is down")

    async def charge(self, ctx: StepContext) -> None:
        raise ConnectionError("the gateway is down")


async def test_a_preview_tells_what_runs_from_where_and_what_does_not(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in range(12):
        await run_order(storage, f"order_{number}")
    ledger.failing.add("reserve")
    await run_order(storage, "no_stock")
    ledger.failing.clear()
    await run_order(storage, "odd", context=order(payment_token=7))
    before = list(ledger.entries)
    preview = await BatchReplay(storage, context_override=FIXED).preview()

    assert (preview.count, preview.runs) == (14, 13)
    assert preview.by_step == {"charge": 12, "reserve": 1}
    assert len(preview.samples) == 10
    sample = preview.samples[-1]
    assert sample.plan is not None
    assert [(step.name, step.fate) for step in sample.plan.steps] == [
        ("reserve", "runs_again"),
        ("charge", "runs"),
        ("ship", "runs"),
    ]
    (skipped,) = preview.skipped
    assert skipped.saga_id == "odd"
    assert skipped.reason is not None
    assert "payment_token is recorded as int" in skipped.reason
    assert ledger.entries == before
    assert await storage.list_batches() == []
    assert await storage.list_replays() == []


async def test_a_dry_run_is_valid_only_if_every_saga_would_run(storage: SnapshotStorage) -> None:
    await run_order(storage, "order_1")
    await run_order(storage, "order_2", context=order(stock=3))
    events: list[BatchEvent] = []
    report = await BatchReplay(storage, context_override=FIXED).dry_run(on_event=events.append)
    assert (report.status, report.batch_id, report.left) == ("valid", None, 0)
    assert [event.done for event in events if event.kind == "item_ended"] == [1, 2]
    assert events[-1].kind == "batch_ended"
    report = await BatchReplay(storage, override_at={"/stock": 4}).dry_run()
    assert report.status == "valid"
    report = await BatchReplay(storage, unset=["stock"]).dry_run()
    assert (report.status, report.skipped) == ("invalid", 1)


async def test_every_saga_is_rehearsed_without_effects(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    shop_of: dict[str, Any] = {"context": order(payment_token="tok_new")}
    await run_order(storage, "fine", **shop_of)
    for number in (1, 2):
        await run_order(storage, f"order_{number}")
    before = list(ledger.entries)
    report = await BatchReplay(storage, context_override=FIXED).simulate()
    assert (report.status, report.succeeded) == ("valid", 2)
    assert ledger.entries == before
    assert await storage.list_replays() == []


async def test_a_rehearsal_says_where_nothing_is_known(storage: SnapshotStorage) -> None:
    await run_order(storage, "order_1")
    report = await BatchReplay(storage, context_override=FIXED).simulate()
    assert (report.status, report.skipped) == ("invalid", 1)
    assert report.items[0].reason is not None
    assert "charge" in report.items[0].reason


async def test_what_a_person_has_to_decide_is_listed_in_doubt(storage: SnapshotStorage) -> None:
    await run_order(storage, "order_1", saga_class=Doubtful)
    preview = await BatchReplay(storage).preview()
    assert [item.state for item in preview.skipped] == ["in_doubt"]
    report = await BatchReplay(storage).run()
    assert (report.status, report.in_doubt, report.skipped) == ("completed", 1, 0)
    assert report.items[0].reason is not None
    assert "--in-doubt" in report.items[0].reason
    report = await BatchReplay(storage, in_doubt="skip").run()
    assert (report.in_doubt, report.failed) == (0, 1)


async def test_a_run_does_not_depend_on_what_was_previewed(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in (1, 2):
        await run_order(storage, f"order_{number}")
    batch = BatchReplay(storage, context_override=FIXED)
    assert (await batch.preview()).runs == 2
    # Its plan is another one now: what it reserved again was released again.
    ledger.failing.add("ship")
    await SagaReplay("order_1", storage).from_checkpoint("charge", context_override=FIXED)
    ledger.failing.clear()
    assert (await batch.run()).succeeded == 2
    assert ledger.balance() == {"reserved": 2, "charged": 2, "shipped": 2}


async def test_one_that_was_removed_since_it_was_found_is_skipped() -> None:
    storage = InMemorySnapshotStorage()
    for number in (1, 2):
        await run_order(storage, f"order_{number}")
    removed: list[str] = []

    def remove(event: BatchEvent) -> None:
        if event.kind == "batch_started" and event.batch_id is not None:
            removed.append("order_1")
            storage.backend._delete("order_1", False)  # type: ignore[attr-defined]

    report = await BatchReplay(storage, context_override=FIXED).run(on_event=remove)
    assert removed == ["order_1"]
    gone = next(item for item in report.items if item.saga_id == "order_1")
    assert (gone.state, gone.reason) == ("skipped", "it is not there any more")
    assert (report.status, report.succeeded) == ("completed", 1)
