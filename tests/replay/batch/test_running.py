"""A batch runs every failed saga once, and tells what became of each."""

from __future__ import annotations

import pytest

from sagaz_core import BatchEvent, BatchReplay, BatchSelection
from sagaz_core.errors import ReadOnlyStoreError, UsageError
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay import shop
from tests.replay.shop import order, run_order

FIXED = {"payment_token": "tok_new"}


async def test_every_failed_saga_is_replayed_from_its_failed_step_and_told_of(
    any_storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in range(5):
        await run_order(any_storage, f"order_{number}")
    await run_order(any_storage, "fine", context=order(payment_token="tok_new"))
    events: list[BatchEvent] = []
    batch = BatchReplay(
        any_storage, context_override=FIXED, initiated_by="sam@shop", reason="a new token"
    )
    report = await batch.run(on_event=events.append)

    assert (report.status, report.total, report.succeeded, report.left) == ("completed", 5, 5, 0)
    assert ledger.balance() == {"reserved": 6, "charged": 6, "shipped": 6}
    assert {item.saga_id: item.new_saga_id for item in report.items} == {
        f"order_{number}": f"order_{number}~r1" for number in range(5)
    }
    kinds = [event.kind for event in events]
    assert kinds[:3] == ["batch_started", "canary", "item_started"]
    assert kinds.count("item_started") == kinds.count("item_ended") == 5
    assert kinds[-1] == "batch_ended"
    assert events[-1].done == events[-1].total == 5
    (log,) = await any_storage.list_replays("order_3")
    assert (log.request_id, log.initiated_by, log.reason, log.from_step) == (
        batch.batch_id,
        "sam@shop",
        "a new token",
        "charge",
    )
    (journal,) = await any_storage.list_batches()
    assert (journal.batch_id, journal.status) == (batch.batch_id, "completed")
    assert (journal.initiated_by, journal.reason) == ("sam@shop", "a new token")
    assert journal.counts == {"succeeded": 5}


async def test_a_second_batch_finds_only_what_is_still_failed(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    await run_order(storage, "order_1")
    await run_order(storage, "order_2")
    one = BatchReplay(storage, BatchSelection(prefix="order_1"), context_override=FIXED)
    assert (await one.run()).succeeded == 1
    report = await BatchReplay(storage, context_override=FIXED).run()
    assert [item.saga_id for item in report.items] == ["order_2"]
    assert (await BatchReplay(storage, context_override=FIXED).run()).total == 0
    assert ledger.balance() == {"reserved": 2, "charged": 2, "shipped": 2}


async def test_failures_are_told_by_their_error_and_break_nothing(
    storage: SnapshotStorage,
) -> None:
    for number in range(4):
        await run_order(storage, f"order_{number}")
    await run_order(storage, "no_amount", context={"payment_token": "tok_old"})
    report = await BatchReplay(storage, context_override=FIXED).run(canary=False)
    assert (report.status, report.succeeded, report.failed) == ("completed", 4, 1)
    (failed,) = [item for item in report.items if item.state == "failed"]
    assert failed.saga_id == "no_amount"
    assert failed.error is not None
    assert failed.error.startswith("charge: KeyError")
    assert list(report.failed_by_error.values()) == [1]


async def test_nothing_is_run_in_a_store_opened_to_look_only() -> None:
    store = InMemorySnapshotStorage()
    await run_order(store)
    looked_at = SnapshotStorage(store.backend, read_only=True)
    with pytest.raises(ReadOnlyStoreError, match="to look only"):
        await BatchReplay(looked_at).run()
    with pytest.raises(ReadOnlyStoreError, match="to look only"):
        await BatchReplay(looked_at).resume("batch-1")
    assert (await BatchReplay(looked_at).preview()).count == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"concurrency": 0}, "at least 1"),
        ({"rate": 0}, "above 0"),
        ({"rate": -2.5}, "above 0"),
        ({"stop_after_failures": 0}, "1 or more"),
    ],
)
async def test_an_argument_that_makes_no_sense_is_refused(
    arguments: dict[str, float], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        await BatchReplay(InMemorySnapshotStorage()).run(**arguments)
