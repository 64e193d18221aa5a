"""A batch that has to stop finishes what is under way, and leaves the rest to be resumed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagaz_core import BatchEvent, BatchReplay, Saga
from sagaz_core.errors import StorageUnavailableError
from sagaz_core.replay.batch.pace import Pace
from sagaz_core.replay.request import Request
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import Outcome, RecordRow
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay import shop
from tests.replay.shop import Shop, order, run_order

FIXED = {"payment_token": "tok_new"}


async def orders(storage: SnapshotStorage, count: int = 6) -> None:
    """Fail so many orders; the last is the first of a batch."""
    for number in range(count):
        await run_order(storage, f"order_{number}")


# ---------------------------------------------------------------- the canary


async def test_if_the_first_fails_no_other_runs(
    any_storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    await orders(any_storage)
    batch = BatchReplay(any_storage)
    report = await batch.run()
    assert (report.status, report.failed, report.left) == ("stopped", 1, 5)
    assert report.stopped_because is not None
    assert "order_5, failed (charge: CardDeclinedError: token expired)" in report.stopped_because
    assert len(await any_storage.list_replays()) == 1
    assert (await any_storage.list_batches())[0].stopped_because == report.stopped_because

    # It is the batch's canary: whoever resumes it sends no second one.
    assert batch.batch_id is not None
    report = await BatchReplay(any_storage).resume(batch.batch_id)
    assert (report.status, report.failed, report.left) == ("stopped", 1, 5)
    report = await BatchReplay(any_storage).resume(batch.batch_id, canary=False)
    assert (report.status, report.failed, report.left) == ("completed", 6, 0)
    assert len(await any_storage.list_replays()) == 6


async def test_no_other_starts_before_the_first_has_succeeded(storage: SnapshotStorage) -> None:
    await orders(storage, 4)
    events: list[BatchEvent] = []
    await BatchReplay(storage, context_override=FIXED).run(on_event=events.append)
    kinds = [event.kind for event in events]
    assert kinds[:5] == ["batch_started", "canary", "item_started", "item_ended", "item_started"]


async def test_the_first_that_runs_is_the_canary(storage: SnapshotStorage) -> None:
    await orders(storage, 3)
    await run_order(storage, "odd", context=order(payment_token=7))
    events: list[BatchEvent] = []
    batch = BatchReplay(storage, context_override={"payment_token": "tok_old"})
    report = await batch.run(on_event=events.append)
    assert [item.state for item in report.items] == ["skipped", "failed", "waiting", "waiting"]
    canaries = [event.item.saga_id for event in events if event.kind == "canary" and event.item]
    assert canaries == ["odd", "order_2"]


# ---------------------------------------------------------------- failures


async def test_so_many_failures_stop_the_batch_whoever_met_them(
    any_storage: SnapshotStorage,
) -> None:
    await orders(any_storage, 8)
    first = BatchReplay(any_storage)
    report = await first.run(canary=False, concurrency=1, stop_after_failures=3)
    assert (report.status, report.failed, report.left) == ("stopped", 3, 5)
    assert report.stopped_because == "3 of its replays have failed"
    assert report.failed_by_error == {"charge: CardDeclinedError: token expired": 3}

    assert first.batch_id is not None
    report = await BatchReplay(any_storage).resume(first.batch_id, canary=False)
    assert (report.status, report.failed, report.left) == ("stopped", 3, 5)
    report = await BatchReplay(any_storage).resume(
        first.batch_id, canary=False, concurrency=1, stop_after_failures=5
    )
    assert (report.status, report.failed, report.left) == ("stopped", 5, 3)


async def test_failures_that_another_worker_meets_meanwhile_count(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await orders(storage, 8)
    first = BatchReplay(storage)
    resumed: list[Any] = []

    def join(event: BatchEvent) -> None:
        if event.kind == "batch_started" and event.batch_id is not None:
            resumed.append(
                asyncio.ensure_future(
                    BatchReplay(storage).resume(event.batch_id, canary=False, concurrency=1)
                )
            )

    report = await first.run(canary=False, concurrency=1, stop_after_failures=3, on_event=join)
    other = await resumed[0]
    assert (report.status, other.status) == ("stopped", "stopped")
    # Each may have had one under way when the third failed.
    assert 3 <= len(await storage.list_replays()) <= 4


# ---------------------------------------------------------------- asked to stop


async def test_asked_to_stop_it_finishes_what_is_under_way(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    await orders(storage)
    ledger.gate = asyncio.Event()
    batch = BatchReplay(storage, context_override=FIXED)
    started: list[str] = []

    def stop_at_the_second(event: BatchEvent) -> None:
        if event.kind == "item_started" and event.item is not None:
            started.append(event.item.saga_id)
            if len(started) == 2:
                batch.stop()
                assert ledger.gate is not None
                ledger.gate.set()

    report = await batch.run(canary=False, concurrency=2, on_event=stop_at_the_second)
    assert (report.status, report.succeeded, report.left) == ("stopped", 2, 4)
    assert report.stopped_because == "it was asked to stop"
    assert ledger.balance() == {"reserved": 2, "charged": 2, "shipped": 2}

    assert batch.batch_id is not None
    report = await BatchReplay(storage).resume(batch.batch_id)
    assert (report.status, report.succeeded) == ("completed", 6)
    assert ledger.balance() == {"reserved": 6, "charged": 6, "shipped": 6}


async def test_cancelled_it_undoes_what_is_under_way_and_can_be_resumed(
    storage: SnapshotStorage, ledger: shop.Ledger
) -> None:
    await orders(storage, 4)
    ledger.gate = asyncio.Event()
    batch = BatchReplay(storage, context_override=FIXED)
    running = asyncio.ensure_future(batch.run(canary=False, concurrency=1))
    async for checkpoint in storage.follow("order_3~r1"):
        if (checkpoint.kind, checkpoint.step_name) == ("before_step", "charge"):
            break
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ledger.balance()["reserved"] == 0
    ledger.gate.set()

    assert batch.batch_id is not None
    report = await BatchReplay(storage).resume(batch.batch_id, canary=False)
    assert (report.status, report.succeeded, report.failed) == ("completed", 3, 1)
    (failed,) = [item for item in report.items if item.state == "failed"]
    assert failed.saga_id == "order_3"
    assert ledger.balance() == {"reserved": 3, "charged": 3, "shipped": 3}


async def test_what_on_event_raises_stops_no_replay(
    storage: SnapshotStorage, caplog: pytest.LogCaptureFixture
) -> None:
    await orders(storage, 2)

    def fail(event: BatchEvent) -> None:
        raise BrokenPipeError

    report = await BatchReplay(storage, context_override=FIXED).run(on_event=fail)
    assert (report.status, report.succeeded) == ("completed", 2)
    assert "on_event" in caplog.text


# ---------------------------------------------------------------- a store that fails


class FailingBackend(MemoryBackend):
    """Fails every write once ``writes`` are used up."""

    writes: int | None = None

    def _use(self) -> None:
        if self.writes is not None:
            if self.writes == 0:
                raise StorageUnavailableError("the disk is full; make room and try again")
            self.writes -= 1

    async def append(self, appends: Any) -> list[Outcome]:
        self._use()
        return await super().append(appends)

    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        self._use()
        return await super().put(record, expected_version=expected_version)


@pytest.mark.parametrize("writes", [1, 2, 4, 7, 10])
async def test_a_store_that_fails_stops_it_and_the_rest_can_be_resumed(
    ledger: shop.Ledger, writes: int
) -> None:
    backend = FailingBackend()
    storage = SnapshotStorage(backend)
    await orders(storage, 4)
    backend.writes = writes
    batch = BatchReplay(storage, context_override=FIXED, in_doubt="retry")
    report = await batch.run(canary=False, concurrency=2)
    assert report.status == "stopped"
    assert report.left > 0
    assert report.stopped_because is not None
    assert "the disk is full" in report.stopped_because

    backend.writes = None
    # Whoever ran has let go, or has not ended and lapses; nobody else holds it.
    for root in list(backend._families._rows):
        family = backend._families._rows[root]
        if family.alive_until is not None:
            object.__setattr__(family, "alive_until", 1)
    assert batch.batch_id is not None
    resumed = await BatchReplay(storage, in_doubt="retry").resume(batch.batch_id, canary=False)
    assert (resumed.status, resumed.left) == ("completed", 0)
    standing = ledger.balance()
    assert standing["shipped"] == resumed.succeeded


# ---------------------------------------------------------------- how fast it starts


async def test_replays_start_no_faster_than_the_rate() -> None:
    now = [100.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    pace = Pace(4, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        await pace.wait()
    assert slept == [0.25, 0.25, 0.25]
    now[0] += 60
    # A pause is not made up for.
    for _ in range(3):
        await pace.wait()
    assert slept == [0.25, 0.25, 0.25, 0.25, 0.25]


async def test_a_rate_counts_those_that_start_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = InMemorySnapshotStorage()
    await orders(storage, 3)
    waits: list[int] = []

    async def wait(self: Pace) -> None:
        waits.append(1)

    monkeypatch.setattr(Pace, "wait", wait)
    first = BatchReplay(storage, context_override=FIXED)
    assert (await first.run(rate=1000)).succeeded == 3
    assert len(waits) == 3
    assert first.batch_id is not None
    assert (await BatchReplay(storage).resume(first.batch_id, rate=1000)).succeeded == 3
    assert len(waits) == 3

    async def wait_for_ever(self: Pace) -> None:
        second.stop()
        await asyncio.Event().wait()

    monkeypatch.setattr(Pace, "wait", wait_for_ever)
    await run_order(storage, "order_9")
    second = BatchReplay(storage, context_override=FIXED)
    report = await second.run(rate=0.001)
    assert (report.status, report.left) == ("stopped", 1)


# ---------------------------------------------------------------- a factory that hangs


async def test_a_factory_that_hangs_holds_up_nobody_else(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Request.__init__.__kwdefaults__, "factory_timeout", 0.2)
    await orders(storage, 5)

    async def factory(context: dict[str, Any]) -> Saga:
        if context["order_id"] == "hangs":
            await asyncio.Event().wait()
        return Shop(context)

    await run_order(storage, "order_9", context=order(order_id="hangs"))
    batch = BatchReplay(storage, context_override=FIXED, saga_factory={"Shop": factory})
    report = await batch.run(canary=False)
    assert (report.status, report.succeeded, report.skipped) == ("completed", 5, 1)
    (skipped,) = [item for item in report.items if item.state == "skipped"]
    assert skipped.saga_id == "order_9"
    assert skipped.reason is not None
    assert "has not returned within" in skipped.reason
