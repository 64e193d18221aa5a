"""How a batch stands is told by its store, to whoever looks, wherever it is worked on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sagaz_core import BatchEvent, BatchReplay
from sagaz_core.process import process_owner
from sagaz_core.replay.batch import alive
from sagaz_core.replay.batch.standing import BatchStanding, read_standing, replayed_items
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, run_order

FIXED = {"payment_token": "tok_new"}


async def standing(storage: SnapshotStorage) -> BatchStanding:
    """How the only batch of the store stands."""
    (entry,) = await storage.list_batches()
    return await read_standing(storage, entry)


async def states(storage: SnapshotStorage) -> dict[str, str]:
    """The state of each saga that the batch has begun to replay."""
    (entry,) = await storage.list_batches()
    return {item.saga_id: item.state async for item, _ in replayed_items(storage, entry)}


async def test_it_is_running_by_somebody_until_its_end_is_written(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    for number in range(3):
        await run_order(any_storage, f"order_{number}")
    seen: list[asyncio.Task[BatchStanding]] = []

    def look(event: BatchEvent) -> None:
        if event.kind == "item_started":
            seen.append(asyncio.ensure_future(standing(any_storage)))

    batch = BatchReplay(any_storage, context_override=FIXED)
    await batch.run(concurrency=1, on_event=look)
    during = [await task for task in seen]
    assert (during[0].state, during[0].owner) == ("running", process_owner())
    after = await standing(any_storage)
    assert (after.state, after.owner) == ("completed", None)
    assert await states(any_storage) == {f"order_{n}": "succeeded" for n in range(3)}
    # What it leaves behind is as old as its journal, and no leftover before.
    assert (await any_storage.prune()).leftovers == 0
    findings = await any_storage.backend.check()
    assert not [each for each in findings if "belong to no saga" in each.what]


async def test_one_that_was_stopped_says_what_failed(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    for number in range(2):
        await run_order(any_storage, f"order_{number}")
    await BatchReplay(any_storage).run()
    assert (await standing(any_storage)).state == "stopped"
    (entry,) = await any_storage.list_batches()
    ((item, _),) = [found async for found in replayed_items(any_storage, entry)]
    assert (item.saga_id, item.state, item.new_saga_id) == ("order_1", "failed", "order_1~r1")
    assert "token expired" in str(item.error)
    later = entry.started_at + timedelta(days=1)
    assert [found async for found in replayed_items(any_storage, entry, since=later)] == []


async def test_where_nobody_works_on_it_any_more_it_is_interrupted(
    storage: SnapshotStorage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_order(storage, "order_0")
    await BatchReplay(storage, context_override=FIXED).run()
    (ended,) = await storage.list_batches()
    await storage.save_batch(replace(ended, status="running", finished_at=None))
    assert (await standing(storage)).state == "interrupted"
    # One that has just begun may not have come to the first sign of its life.
    begun = replace(ended, batch_id="batch-2", status="running", finished_at=None)
    assert (await read_standing(storage, begun)).state == "running"
    long_ago = replace(begun, started_at=begun.started_at - timedelta(hours=1))
    assert (await read_standing(storage, long_ago)).state == "interrupted"


async def test_who_comes_second_is_seen_once_the_first_has_left(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "TERM", 0.03)
    first = await storage.acquire_lease("batch-1", owner="sam@far:1", holder="batch-1")
    async with alive.shown_alive(storage, "batch-1"):
        sign = await storage.get_family("batch-1")
        assert sign is not None
        assert sign.owner == "sam@far:1"
        await first.release()
        async with asyncio.timeout(10):
            while sign is None or sign.owner != process_owner():
                await asyncio.sleep(0.005)
                sign = await storage.get_family("batch-1")
    sign = await storage.get_family("batch-1")
    assert sign is not None
    assert not sign.held
