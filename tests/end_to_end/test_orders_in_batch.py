"""Many failed orders, replayed by two workers of which each is killed once on the way."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from sagaz_core import SagaReplay, open_storage
from tests.end_to_end.order_workers import Night, Worker
from tests.end_to_end.orders import PaidOnceSaga, PaidPerCallSaga, calls, let_answer, times
from tests.storage.redis_proxy import redis_proxy

FEW: Final = 32
MANY: Final = 1500


@pytest.fixture
def night(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Night]:
    store, saga_class, count = request.param
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    if store == "redis":
        url = f"{request.getfixturevalue('redis_url')}?key_prefix=orders-{uuid4().hex}:"
    monkeypatch.chdir(tmp_path)
    night = Night(tmp_path, url, saga_class, count)
    asyncio.run(night.fall())
    yield night
    night.close()


def two_workers_killed_once_each(night: Night) -> tuple[str, list[Worker]]:
    """Replay the orders by two workers; return the batch, and the two who end it."""
    let_answer(night.folder, night.count // 4)
    batch_id, first = night.begin()
    second = night.start("--resume", batch_id)
    night.kill(first)
    let_answer(night.folder, night.count // 2)
    third = night.start("--resume", batch_id)
    night.kill(second)
    let_answer(night.folder, 2 * night.count)
    fourth = night.start("--resume", batch_id)
    return batch_id, [third, fourth]


def see_that_each_stands_once(night: Night) -> None:
    """Every order is reserved, charged and shipped once: by a service that honours each key."""
    made = calls(night.folder)
    once = dict.fromkeys(night.orders, 1)
    reserved = times(made, "reserve")
    reserved.subtract(times(made, "release"))
    assert reserved == once
    assert times(made, "charge") == times(made, "ship") == once
    assert times(made, "refund") == {}


@pytest.mark.parametrize(
    "night",
    [
        pytest.param((store, PaidOnceSaga, count), id=f"{store}-{count}", marks=marks)
        for count, marks in ((FEW, ()), (MANY, pytest.mark.torture))
        for store in ("sqlite", "redis")
    ],
    indirect=True,
)
def test_every_order_is_paid_and_shipped_once_though_both_workers_are_killed(night: Night) -> None:
    began = time.monotonic()
    _, workers = two_workers_killed_once_each(night)
    reports = [worker.succeeds() for worker in workers]
    took = time.monotonic() - began

    for report in reports:
        assert {item["new_saga_id"] for item in report["items"]} == {
            f"{order_id}~r1" for order_id in night.orders
        }
    see_that_each_stands_once(night)
    made = calls(night.folder)
    assert night.recorded
    assert night.ran_again(made) == set()
    again = sum(count - 1 for count in Counter((c.effect, c.key) for c in made).values())
    print(f"{night.count} orders in {took:.1f} s, {again} calls made again with the same key")


@pytest.mark.parametrize(
    "night",
    [
        pytest.param((store, PaidPerCallSaga, count), id=f"{store}-{count}", marks=marks)
        for store, count, marks in (
            ("sqlite", FEW, ()),
            ("sqlite", MANY, pytest.mark.torture),
            ("redis", MANY, pytest.mark.torture),
        )
    ],
    indirect=True,
)
def test_where_the_gateway_takes_the_money_at_every_call_doubts_are_left_to_a_person(
    night: Night,
) -> None:
    batch_id, workers = two_workers_killed_once_each(night)
    reports = [worker.report() for worker in workers]
    doubted = {item["new_saga_id"] for item in reports[0]["items"] if item["state"] == "in_doubt"}
    for report in reports:
        assert report["in_doubt"] == len(doubted)
        assert report["succeeded"] == night.count - len(doubted)
    made = calls(night.folder)
    # Nobody was charged twice, and no parcel left for one of whom it is not known.
    assert doubted & {call.saga_id for call in made if call.effect == "stalled"}
    assert set(times(made, "charge", honoured=False).values()) == {1}
    assert not doubted & {call.saga_id for call in made if call.effect == "ship"}
    assert night.recorded
    assert night.ran_again(made) == set()

    # The gateway's own books tell who has paid.
    paid = {call.saga_id for call in made if call.effect == "charge"}
    asyncio.run(decide(night, doubted, paid))
    night.start("--resume", batch_id).succeeds()
    see_that_each_stands_once(night)
    assert set(times(calls(night.folder), "charge", honoured=False).values()) == {1}


async def decide(night: Night, doubted: set[str], paid: set[str]) -> None:
    """Go on with those in doubt: skip the charge of who has paid, and charge the others."""
    async with open_storage(night.url) as store:
        for saga_id in sorted(doubted):
            choice = "skip" if saga_id in paid else "retry"
            result = await SagaReplay(saga_id, store).resume(in_doubt=choice)
            assert result.status == "success"


@pytest.mark.torture
@pytest.mark.parametrize("night", [("redis", PaidOnceSaga, FEW)], indirect=True, ids=["redis"])
def test_a_worker_that_stood_still_undoes_nothing_of_what_others_went_on_with(
    night: Night,
) -> None:
    let_answer(night.folder, night.count // 4)
    batch_id, first = night.begin()
    night.wait_until_unanswered(first)
    first.process.send_signal(signal.SIGSTOP)
    let_answer(night.folder, 2 * night.count)
    night.start("--resume", batch_id).succeeds()
    first.process.send_signal(signal.SIGCONT)
    # To whoever stood still the server may seem not to have answered.
    report = first.report()
    assert report["succeeded"] + report["left"] == night.count
    night.start("--resume", batch_id).succeeds()
    see_that_each_stands_once(night)


@pytest.mark.torture
async def test_a_connection_that_is_lost_leaves_a_batch_that_can_go_on(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with redis_proxy(redis_url) as proxy:
        night = Night(tmp_path, f"{proxy.url}?key_prefix={uuid4().hex}:", PaidOnceSaga, FEW)
        try:
            await night.fall()
            let_answer(tmp_path, FEW // 4)
            batch_id, worker = await asyncio.to_thread(night.begin)
            await asyncio.to_thread(night.wait_until_unanswered, worker)
            proxy.cut()
            let_answer(tmp_path, 2 * FEW)
            stopped = await asyncio.to_thread(worker.report)
            assert (stopped["status"], stopped["failed"]) == ("stopped", 0)
            assert stopped["left"] > 0
            assert stopped["stopped_because"]
            proxy.mend()
            again = night.start("--resume", batch_id)
            report = await asyncio.to_thread(again.report)
        finally:
            night.close()
    assert (report["status"], report["succeeded"]) == ("completed", FEW)
    see_that_each_stands_once(night)
