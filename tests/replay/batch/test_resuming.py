"""A batch that was left is gone on with: what ended stays ended, and nothing runs twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import BatchEvent, BatchReplay, BatchReport, BatchSelection, Saga
from sagaz_core.errors import BatchChangedError, BatchNotFoundError, UsageError
from sagaz_core.replay.overrides import parse_override
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay import shop
from tests.replay.shop import Shop, order, run_order

FIXED = {"payment_token": "tok_new"}


async def stopped_after_one(storage: SnapshotStorage, **options: Any) -> str:
    """Begin a batch that is stopped once its first saga has ended; returns its id."""
    batch = BatchReplay(storage, **{"context_override": FIXED} | options)

    def stop(event: BatchEvent) -> None:
        if event.kind == "item_ended":
            batch.stop()

    report = await batch.run(canary=False, concurrency=1, on_event=stop)
    assert report.status == "stopped"
    assert batch.batch_id is not None
    return batch.batch_id


async def test_what_has_ended_counts_as_it_ended_and_the_rest_runs(
    any_storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in range(4):
        await run_order(any_storage, f"order_{number}")
    ledger.failing.add("ship")
    batch_id = await stopped_after_one(any_storage)
    ledger.failing.clear()
    events: list[BatchEvent] = []
    report = await BatchReplay(any_storage).resume(batch_id, canary=False, on_event=events.append)
    assert (report.status, report.succeeded, report.failed) == ("completed", 3, 1)
    assert report.items[0].error == "ship: ConnectionError: ship is down"
    assert (events[0].kind, events[0].done, events[0].total) == ("batch_started", 1, 4)
    assert [event.kind for event in events].count("item_ended") == 3
    # Every replay is under the batch's id; nothing ran twice.
    logs = await any_storage.list_replays()
    assert {log.request_id for log in logs} == {batch_id}
    assert ledger.balance() == {"reserved": 3, "charged": 3, "shipped": 3}
    journal = await any_storage.get_batch(batch_id)
    assert journal is not None
    assert (journal.status, journal.counts) == ("completed", {"succeeded": 3, "failed": 1})

    again = await BatchReplay(any_storage).resume(batch_id, canary=False)
    assert (again.status, again.succeeded, again.failed) == ("completed", 3, 1)
    assert len(await any_storage.list_replays()) == 4


async def test_its_overrides_and_choices_are_those_it_was_begun_with(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in range(3):
        await run_order(storage, f"order_{number}")
    batch_id = await stopped_after_one(
        storage,
        context_override={
            **FIXED,
            "amount": Decimal("1.10"),
            "placed_at": datetime(2025, 1, 1, tzinfo=UTC),
        },
        override_at={"/cart/0/qty": 5},
        saga_overrides={"order_0": [parse_override("amount=2.20")]},
        unset=["route"],
        reason="the gateway is back",
    )
    report = await BatchReplay(storage, initiated_by="kim@shop").resume(batch_id)
    assert report.succeeded == 3
    latest = await storage.get_latest_snapshot("order_0~r1")
    assert latest is not None
    assert latest.context["amount"] == Decimal("2.20")
    assert latest.context["placed_at"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert latest.context["cart"][0]["qty"] == 5
    assert "route" not in latest.context
    (log,) = await storage.list_replays("order_0")
    assert (log.reason, log.initiated_by) == ("the gateway is back", "kim@shop")


async def test_a_batch_that_is_not_there_is_told(storage: SnapshotStorage) -> None:
    with pytest.raises(BatchNotFoundError, match="'batch-1'"):
        await BatchReplay(storage).resume("batch-1")


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ({"selection": BatchSelection(prefix="other")}, "another prefix"),
        ({"context_override": {"payment_token": "tok_other"}}, "another context_override"),
        ({"from_step": "ship", "again": True}, "another from_step and another again"),
    ],
)
async def test_another_selection_or_override_is_refused(
    storage: SnapshotStorage, ledger: shop.Ledger, named: dict[str, Any], what: str
) -> None:
    for number in range(2):
        await run_order(storage, f"order_{number}")
    batch_id = await stopped_after_one(storage)
    before = len(ledger.entries)
    with pytest.raises(BatchChangedError, match=what):
        await BatchReplay(storage, **named).resume(batch_id)
    assert len(ledger.entries) == before
    assert (await BatchReplay(storage, context_override=FIXED).resume(batch_id)).succeeded == 2


async def test_a_file_of_an_override_has_to_hold_what_it_held(
    storage: SnapshotStorage, tmp_path: Path
) -> None:
    for number in range(2):
        await run_order(storage, f"order_{number}")
    file = tmp_path / "token.txt"
    texts = [parse_override(f"payment_token=@{file}")]
    with pytest.raises(UsageError, match=r"token.txt.*cannot be read"):
        await BatchReplay(storage, overrides=texts).run()
    file.write_text("tok_new")
    batch_id = await stopped_after_one(storage, context_override={}, overrides=texts)
    file.write_text("tok_other")
    with pytest.raises(BatchChangedError, match=r"token.txt.*holds something else"):
        await BatchReplay(storage).resume(batch_id)
    file.unlink()
    with pytest.raises(BatchChangedError, match=r"token.txt.*cannot be read"):
        await BatchReplay(storage).resume(batch_id)
    file.write_text("tok_new")
    assert (await BatchReplay(storage).resume(batch_id)).succeeded == 2


def changing(action: Callable[[Any], Any], *more: str) -> type[Saga]:
    """Return the class ``ChangingShop`` as it is after a change of its code."""

    class ChangingShop(Saga):
        async def build(self) -> None:
            await self.add_step("charge", action)
            for name in more:
                await self.add_step(name, action)

    return ChangingShop


def decline(ctx: StepContext) -> None:
    if not ctx["payment_token"].startswith("tok_new"):
        raise shop.CardDeclinedError("token expired")


def accept(ctx: StepContext) -> str:
    return "accepted"


@pytest.mark.parametrize(
    ("later", "change"),
    [
        (changing(accept), "ChangingShop: step 'charge' does something else"),
        (changing(decline, "pack"), "ChangingShop: step 'pack' is new"),
        (None, "ChangingShop: it cannot be made any more"),
    ],
)
async def test_code_that_has_changed_since_is_refused(
    storage: SnapshotStorage, later: type[Saga] | None, change: str
) -> None:
    first = changing(decline)
    for number in range(2):
        await run_order(storage, f"order_{number}", saga_class=first)
    batch_id = await stopped_after_one(storage, saga_factory=first)

    def broken(context: dict[str, Any]) -> Saga:
        raise ConnectionError

    with pytest.raises(BatchChangedError, match=change):
        await BatchReplay(storage, saga_factory=later or broken).resume(batch_id)
    assert len(await storage.list_replays()) == 1
    report = await BatchReplay(storage, saga_factory=changing(decline)).resume(batch_id)
    assert report.succeeded == 2


async def test_two_workers_share_a_batch_and_tell_the_same_at_the_end(
    tmp_path: Path, ledger: shop.Ledger
) -> None:
    place = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(place) as one, SQLiteSnapshotStorage(place) as other:
        for number in range(12):
            await run_order(one, f"order_{number}", context=order(payment_token="tok_old"))
        ledger.failing.add("ship")
        joined: list[asyncio.Future[BatchReport]] = []

        def join(event: BatchEvent) -> None:
            if event.kind == "batch_started" and event.batch_id is not None:
                second = BatchReplay(other)
                joined.append(asyncio.ensure_future(second.resume(event.batch_id, canary=False)))
            if event.kind == "item_ended" and event.done == 3:
                ledger.failing.clear()

        first = BatchReplay(one, context_override=FIXED)
        report = await first.run(canary=False, concurrency=3, on_event=join)
        second = await joined[0]
        assert (report.status, second.status) == ("completed", "completed")
        assert [(item.saga_id, item.state, item.new_saga_id) for item in report.items] == [
            (item.saga_id, item.state, item.new_saga_id) for item in second.items
        ]
        assert len(await one.list_replays()) == 12
        assert ledger.balance() == {
            "reserved": report.succeeded,
            "charged": report.succeeded,
            "shipped": report.succeeded,
        }


async def test_one_that_somebody_else_replays_is_waited_for(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    for number in range(3):
        await run_order(storage, f"order_{number}")
    lease = await storage.acquire_lease("order_1", owner="kim@shop:7", holder="order_1~r1")
    events: list[BatchEvent] = []

    def let_go(event: BatchEvent) -> None:
        events.append(event)
        if event.done == 2 and event.kind == "item_ended":
            releasing.append(asyncio.ensure_future(lease.release()))

    releasing: list[asyncio.Future[bool]] = []
    report = await BatchReplay(storage, context_override=FIXED).run(on_event=let_go)
    assert (report.status, report.succeeded) == ("completed", 3)
    waited = [event.item.saga_id for event in events if event.kind == "waiting" and event.item]
    assert waited == ["order_1"]
    assert events[-2].item is not None
    assert (events[-2].kind, events[-2].item.saga_id) == ("item_ended", "order_1")


async def test_asked_to_stop_it_waits_for_nobody(storage: SnapshotStorage) -> None:
    for number in range(2):
        await run_order(storage, f"order_{number}")
    await storage.acquire_lease("order_0", owner="kim@shop:7", holder="order_0~r1", term=3600)
    batch = BatchReplay(storage, context_override=FIXED)

    def stop(event: BatchEvent) -> None:
        if event.kind == "waiting":
            asyncio.get_running_loop().call_later(0.01, batch.stop)

    report = await batch.run(on_event=stop)
    assert (report.status, report.succeeded, report.left) == ("stopped", 1, 1)


# ---------------------------------------------------------------- a worker that died


class DiesBetween(Saga):
    """Its first worker dies while it charges."""

    idempotent = True
    dies = True
    charged: list[str] = []  # noqa: RUF012 - each test begins with a fresh one

    async def build(self) -> None:
        await self.add_step("check", self.check)
        await self.add_step("charge", self.charge, idempotent=self.idempotent)

    async def check(self, ctx: StepContext) -> None:
        if ctx.saga_id == "order_1":
            raise ConnectionError("the gateway is down")

    async def charge(self, ctx: StepContext) -> None:
        type(self).charged.append(ctx.idempotency_key)
        if type(self).dies:
            # As far as anybody can tell from outside, its process is gone.
            await asyncio.Event().wait()


class DiesBetweenOnce(DiesBetween):
    """The same at a gateway that takes the money again at every call."""

    idempotent = False


async def left_by_a_dead_worker(storage: SnapshotStorage, saga_class: type[DiesBetween]) -> str:
    """Return the id of a batch whose only worker was gone while it charged."""
    saga_class.charged, saga_class.dies = [], True
    await run_order(storage, "order_1", saga_class=saga_class)
    batch = BatchReplay(storage)
    working = asyncio.ensure_future(batch.run(canary=False))
    async for checkpoint in storage.follow("order_1~r1"):
        if (checkpoint.kind, checkpoint.step_name) == ("before_step", "charge"):
            break
    family = await storage.get_family("order_1")
    assert family is not None
    # Its lease lapses; that the task is still there is nobody's business.
    await storage.backend.beat("order_1", fence=family.fence, term=0)
    saga_class.dies = False
    _dead.append(working)
    assert batch.batch_id is not None
    return batch.batch_id


_dead: list[asyncio.Future[Any]] = []


async def test_what_a_dead_worker_left_is_gone_on_with_in_the_same_saga() -> None:
    storage = InMemorySnapshotStorage()
    batch_id = await left_by_a_dead_worker(storage, DiesBetween)
    report = await BatchReplay(storage).resume(batch_id)
    assert (report.status, report.succeeded) == ("completed", 1)
    assert report.items[0].new_saga_id == "order_1~r1"
    assert len(DiesBetween.charged) == 2
    assert len(set(DiesBetween.charged)) == 1
    assert [log.replay_id for log in await storage.list_replays()] == ["order_1~r1"]


async def test_what_may_have_happened_is_listed_in_doubt_until_a_person_says() -> None:
    storage = InMemorySnapshotStorage()
    batch_id = await left_by_a_dead_worker(storage, DiesBetweenOnce)
    for _ in range(2):
        report = await BatchReplay(storage).resume(batch_id)
        assert (report.status, report.in_doubt, report.left) == ("completed", 1, 0)
        assert report.items[0].new_saga_id == "order_1~r1"
        assert report.items[0].reason is not None
        assert "'charge'" in report.items[0].reason
        assert "--in-doubt" in report.items[0].reason
    assert len(DiesBetweenOnce.charged) == 1
    report = await BatchReplay(storage, in_doubt="skip").resume(batch_id)
    assert (report.status, report.succeeded) == ("completed", 1)
    assert len(DiesBetweenOnce.charged) == 1
    assert (await storage.list_batches())[0].counts == {"succeeded": 1}


async def test_what_cannot_be_gone_on_with_is_skipped_as_no_choice_would_help() -> None:
    storage = InMemorySnapshotStorage()
    batch_id = await left_by_a_dead_worker(storage, DiesBetween)
    answers = iter([True, False])

    def made_once(context: dict[str, Any]) -> Saga:
        if not next(answers):
            raise ConnectionError("the vault is sealed")
        return DiesBetween(context)

    report = await BatchReplay(storage, saga_factory=made_once).resume(batch_id)
    assert (report.skipped, report.in_doubt, report.left) == (1, 0, 0)
    assert report.items[0].new_saga_id == "order_1~r1"
    assert report.items[0].reason is not None
    assert "cannot be resumed" in report.items[0].reason
    assert "--in-doubt" not in report.items[0].reason
    assert (await BatchReplay(storage).resume(batch_id)).succeeded == 1


async def test_a_batch_with_no_saga_leaves_nothing_behind(storage: SnapshotStorage) -> None:
    batch = BatchReplay(storage)
    report = await batch.run()
    assert (report.status, report.total, batch.batch_id) == ("completed", 0, None)
    assert await storage.list_batches() == []


async def test_the_saga_class_is_found_by_name_among_several_factories(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    made: list[str] = []

    def make(context: dict[str, Any]) -> Saga:
        made.append(context["order_id"])
        return Shop(context)

    await run_order(storage, "order_1")
    batch = BatchReplay(storage, context_override=FIXED, saga_factory={"Shop": make})
    assert (await batch.run()).succeeded == 1
    assert made
