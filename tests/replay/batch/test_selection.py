"""Which sagas a batch finds, and what is said of those that it cannot take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sagaz_core import BatchReplay, BatchSelection, SagaReplay
from sagaz_core.errors import ExpressionError, SagaNotFoundError, UsageError
from sagaz_core.replay.overrides import parse_override
from sagaz_core.storage.listing import SagaPageSummary
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import snapshot
from tests.replay import shop
from tests.replay.shop import Shop, order, run_order

FIXED = {"payment_token": "tok_new"}


class ShopAbroad(Shop):
    """The same shop elsewhere."""


async def found(storage: SnapshotStorage, **conditions: Any) -> set[str]:
    """Return the ids of the sagas that a batch with these conditions would run."""
    again = conditions.pop("again", False)
    batch = BatchReplay(storage, BatchSelection(**conditions), again=again)
    report = await batch.dry_run()
    return {item.saga_id for item in report.items if item.state == "planned"}


async def fill(storage: SnapshotStorage) -> None:
    await run_order(storage, "order_1", context=order(region="north"))
    await run_order(storage, "order_2", context=order(region="south"))
    shop.LEDGER.failing.add("reserve")
    await run_order(storage, "other_3", saga_class=ShopAbroad)
    shop.LEDGER.failing.clear()
    await run_order(storage, "fine", context=order(payment_token="tok_new"))
    saga = Shop(order(), saga_id="tagged", snapshot_storage=storage, tags={"shop": "a"})
    await saga.execute()


async def test_each_condition_is_asked_of_the_store(any_storage: SnapshotStorage) -> None:
    await fill(any_storage)
    everyone = {"order_1", "order_2", "other_3", "tagged"}
    an_hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert await found(any_storage) == everyone
    assert await found(any_storage, name="ShopAbroad") == {"other_3"}
    assert await found(any_storage, name="Shop*") == everyone
    assert await found(any_storage, prefix="order_") == {"order_1", "order_2"}
    assert await found(any_storage, tags={"shop": "a"}) == {"tagged"}
    assert await found(any_storage, failed_step="reserve") == {"other_3"}
    assert await found(any_storage, error="declined") == everyone - {"other_3"}
    assert await found(any_storage, since=now - an_hour, until=now + an_hour) == everyone
    assert await found(any_storage, until=now - an_hour) == set()
    assert await found(any_storage, where='ctx.region == "north"') == {"order_1"}
    assert await found(any_storage, keys={"region": "south"}) == {"order_2"}
    assert await found(any_storage, keys={"region": "south"}, prefix="order_1") == set()


async def test_a_text_finds_a_key_of_another_type(storage: SnapshotStorage) -> None:
    await run_order(storage, "order_1", context=order(flag=True, count=1))
    await run_order(storage, "order_2", context=order(flag=False, count=2))
    assert await found(storage, keys={"amount": "99.90"}) == {"order_1", "order_2"}
    assert await found(storage, keys={"flag": "true"}) == {"order_1"}
    assert await found(storage, keys={"count": True}) == set()
    assert await found(storage, keys={"count": 2}) == {"order_2"}
    assert await found(storage, keys={"nobody": None}) == set()


async def test_replays_are_left_out_and_recovered_sagas_unless_said_again(
    storage: SnapshotStorage,
) -> None:
    for number in (1, 2):
        await run_order(storage, f"order_{number}")
    await SagaReplay("order_1", storage).from_checkpoint("charge", context_override=FIXED)
    await SagaReplay("order_2", storage).from_checkpoint("charge")
    assert await found(storage) == {"order_2"}
    assert await found(storage, again=True) == {"order_1", "order_2"}


async def test_sagas_that_are_named_are_taken_in_that_order(storage: SnapshotStorage) -> None:
    await fill(storage)
    selection = BatchSelection(saga_ids=("order_2", "order_1", "order_2"))
    report = await BatchReplay(storage, selection).dry_run()
    assert [item.saga_id for item in report.items] == ["order_2", "order_1"]


async def test_of_one_that_is_named_and_left_out_the_reason_is_told(
    storage: SnapshotStorage,
) -> None:
    await fill(storage)
    await SagaReplay("order_1", storage).from_checkpoint("charge", context_override=FIXED)
    await SagaReplay("order_2", storage).from_checkpoint("charge")
    named = ("order_1", "order_2~r1", "fine", "tagged")
    report = await BatchReplay(storage, BatchSelection(saga_ids=named)).run(canary=False)
    reasons = {item.saga_id: item.reason or "" for item in report.items}
    assert "order_1~r1 of its family has succeeded" in reasons["order_1"]
    assert "select its original, 'order_2'" in reasons["order_2~r1"]
    assert "it is completed" in reasons["fine"]
    assert (report.skipped, report.failed, report.status) == (3, 1, "completed")


async def test_one_that_never_failed_needs_a_step(storage: SnapshotStorage) -> None:
    await fill(storage)
    selection = BatchSelection(status=None, saga_ids=("fine",))
    (item,) = (await BatchReplay(storage, selection).dry_run()).items
    assert item.state == "skipped"
    assert item.reason == "it has not failed; say where it starts with from_step (--from-step)"
    (item,) = (await BatchReplay(storage, selection, from_step="ship").dry_run()).items
    assert (item.state, item.from_step) == ("planned", "ship")


async def test_one_that_has_no_such_step_is_skipped_with_the_plans_sentence(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage, "order_1")
    report = await BatchReplay(storage, from_step="pack").run()
    assert (report.status, report.skipped) == ("completed", 1)
    assert report.items[0].reason is not None
    assert "has no step 'pack'" in report.items[0].reason


async def test_a_saga_that_is_named_and_not_there_is_told_before_anything_runs(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    await run_order(storage, "order_1")
    before = len(ledger.entries)
    with pytest.raises(SagaNotFoundError, match="order_2"):
        await BatchReplay(storage, BatchSelection(saga_ids=("order_1", "order_2"))).run()
    assert len(ledger.entries) == before
    assert await storage.list_batches() == []


@pytest.mark.parametrize(
    ("saga_id", "why"), [("nobody", "not in this store"), ("fine", "not among the sagas")]
)
async def test_overrides_for_a_saga_that_is_not_replayed_are_refused_before_anything_runs(
    storage: SnapshotStorage, ledger: shop.Ledger, saga_id: str, why: str
) -> None:
    await run_order(storage, "order_1")
    await run_order(storage, "fine", context=order(payment_token="tok_new"))
    before = len(ledger.entries)
    batch = BatchReplay(
        storage, saga_overrides={saga_id: [parse_override("payment_token=tok_new")]}
    )
    with pytest.raises(UsageError, match=f"overrides for '{saga_id}', which is {why}"):
        await batch.run()
    assert len(ledger.entries) == before


async def test_a_saga_has_its_own_overrides_after_those_of_all(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in (1, 2):
        await run_order(storage, f"order_{number}")
    batch = BatchReplay(
        storage,
        overrides=[parse_override("payment_token=tok_new"), parse_override("amount=5.00")],
        saga_overrides={"order_2": [parse_override("amount=7.50")]},
    )
    assert (await batch.run()).succeeded == 2
    charged = {saga: str(amount) for saga, verb, amount in ledger.entries if verb == "charge"}
    assert charged == {"order_1~r1": "5.00", "order_2~r1": "7.50"}


@pytest.mark.parametrize(
    ("conditions", "error"),
    [
        ({"where": "ctx. =="}, ExpressionError),
        ({"status": "broken"}, UsageError),
        ({"since": datetime(2024, 1, 1)}, UsageError),
    ],
)
async def test_a_condition_that_is_none_is_refused(
    storage: SnapshotStorage, conditions: dict[str, Any], error: type[Exception]
) -> None:
    await run_order(storage, "order_1")
    with pytest.raises(error):
        await BatchReplay(storage, BatchSelection(**conditions)).run()


async def test_no_saga_is_missed_or_found_twice_though_the_list_changes_while_it_is_read(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        await run_order(storage, f"order_{number}")
    monkeypatch.setattr("sagaz_core.replay.batch.selection._PAGE", 2)
    pages = 0
    list_sagas = storage.list_sagas

    async def list_and_change(**arguments: Any) -> SagaPageSummary:
        nonlocal pages
        page = await list_sagas(**arguments)
        pages += 1
        if pages == 1:
            # The oldest moves to the front, where the reader has been already.
            await storage.save_snapshot(
                snapshot("order_0", saga_name="Shop", status="failed", kind="failed")
            )
        return page

    monkeypatch.setattr(storage, "list_sagas", list_and_change)
    report = await BatchReplay(storage).dry_run()
    assert sorted(item.saga_id for item in report.items) == [f"order_{n}" for n in range(6)]
    assert pages > 3
