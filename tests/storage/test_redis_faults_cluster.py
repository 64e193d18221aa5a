"""Sagas on a Redis cluster whose slots move, whose connections break and whose servers pause."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from sagaz_core.model import SagaResult, utc_now
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.backends.redis import connection as redis_connection
from sagaz_core.testing.redis_cluster import RedisClusterServers
from sagaz_core.testing.redis_server import RedisServer
from tests.replay import shop
from tests.saga.sagas import Built, Ledger


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterServers]:
    with RedisClusterServers(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return f"{tmp_path}:"


@pytest.fixture
async def storage(cluster: RedisClusterServers, prefix: str) -> AsyncIterator[RedisSnapshotStorage]:
    async with RedisSnapshotStorage(cluster.url, key_prefix=prefix) as storage:
        yield storage


def slot(saga_id: str) -> int:
    """The slot of a family: its root is the hash tag of all its keys."""
    return key_slot(f"{{{saga_id}}}".encode())


def home(cluster: RedisClusterServers, saga_id: str) -> RedisServer:
    """The server that had a family's slot at first."""
    return cluster.servers[min(slot(saga_id) * 3 // 16_384, 2)]


def ids_on(cluster: RedisClusterServers, server: RedisServer, count: int) -> list[str]:
    """Ids of families that live on a server."""
    ids = (f"saga{number}" for number in range(10_000))
    return [
        each
        for each, _ in zip(
            (each for each in ids if home(cluster, each) is server), range(count), strict=False
        )
    ]


async def ask(server: RedisServer, *command: Any) -> Any:
    async with Redis.from_url(server.url) as client:
        return await client.execute_command(*command)


async def run(storage: RedisSnapshotStorage, saga_id: str, ledger: Ledger, act: Any) -> SagaResult:
    """Run a saga of four steps; ``act`` happens within the second."""

    async def middle(ctx: Any) -> None:
        ledger.append(f"{saga_id} 1")
        await act()

    async def build(saga: Saga) -> None:
        await saga.add_step("step0", ledger.does(f"{saga_id} 0"))
        await saga.add_step("step1", middle)
        for number in (2, 3):
            await saga.add_step(f"step{number}", ledger.does(f"{saga_id} {number}"))

    return await Built(build, {"id": saga_id}, saga_id=saga_id, snapshot_storage=storage).execute()


async def nothing() -> None:
    return


async def test_a_saga_on_each_server_is_run_listed_found_followed_replayed_and_deleted(
    storage: RedisSnapshotStorage,
    cluster: RedisClusterServers,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shop, "LEDGER", shop.Ledger())
    orders = [ids_on(cluster, server, 1)[0] for server in cluster.servers]
    async with RedisSnapshotStorage(cluster.url, key_prefix=prefix) as other:
        for order in orders:
            following = asyncio.create_task(anext(other.follow(order)))
            await shop.run_order(storage, order)
            assert (await following).saga_id == order

        failed = (await other.list_sagas(status="failed")).sagas
        assert sorted(saga.saga_id for saga in failed) == sorted(orders)
        for order in orders:
            for each in await other.list_checkpoints(order):
                found = await other.get_snapshot(each.snapshot_id)
                assert found is not None
                assert (found.saga_id, found.sequence) == (order, each.sequence)
            assert await other.get_snapshot_at_time(order, utc_now()) is not None

            result = await SagaReplay(order, storage).from_checkpoint(
                "charge", context_override={"payment_token": "tok_new"}
            )
            assert result.status == "success"
            replay = await other.get_saga(str(result.new_saga_id))
            assert replay is not None
            assert replay.status == "completed"
            assert len(await other.list_replays(order)) == 1
        assert not (await other.list_sagas(status="failed", unsettled=True)).sagas

        await storage.backend.delete([*orders, *(f"{order}~r1" for order in orders)])
        assert (await other.list_sagas()).sagas == []
        assert await other.get_saga(orders[0]) is None


async def test_a_run_whose_slot_moves_to_another_server_does_not_notice(
    storage: RedisSnapshotStorage, cluster: RedisClusterServers, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, _ = cluster.servers
    (saga_id,) = ids_on(cluster, first, 1)

    async def move() -> None:
        await move_slot(slot(saga_id), first, second)

    ledger = Ledger()
    with caplog.at_level(logging.WARNING, logger="sagaz"):
        result = await run(storage, saga_id, ledger, move)
    assert (result.status, result.capture_errors) == ("completed", 0)
    assert [each.sequence for each in await storage.list_checkpoints(saga_id)] == [1, 2, 3, 4, 5]
    assert [record.message for record in caplog.records] == []
    await move_slot(slot(saga_id), second, first)
    assert (await storage.get_checkpoint(saga_id, 5)).context == {"id": saga_id}


async def move_slot(number: int, source: RedisServer, target: RedisServer) -> None:
    """Give a slot with all its keys to another server, as an operator would."""
    giver = (await ask(source, "CLUSTER MYID")).decode()
    taker = (await ask(target, "CLUSTER MYID")).decode()
    await ask(target, "CLUSTER SETSLOT", number, "IMPORTING", giver)
    await ask(source, "CLUSTER SETSLOT", number, "MIGRATING", taker)
    keys = await ask(source, "CLUSTER GETKEYSINSLOT", number, 1000)
    if keys:
        await ask(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for server in (target, source):
        await ask(server, "CLUSTER SETSLOT", number, "NODE", taker)


async def test_runs_whose_connections_all_break_are_recorded_without_a_gap(
    storage: RedisSnapshotStorage, cluster: RedisClusterServers
) -> None:
    broken = asyncio.Event()

    async def break_all() -> None:
        for server in cluster.servers:
            await ask(server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        broken.set()

    ids = [each for server in cluster.servers for each in ids_on(cluster, server, 3)]
    ledger, last = Ledger(), ids[-1]
    results = await asyncio.gather(
        *(run(storage, each, ledger, break_all if each == last else broken.wait) for each in ids)
    )
    assert [(result.status, result.capture_errors) for result in results] == [
        ("completed", 0) for _ in ids
    ]
    for saga_id in ids:
        found = await storage.list_checkpoints(saga_id)
        assert [(each.sequence, each.gap) for each in found] == [(n, 0) for n in range(1, 6)]
    assert sorted(ledger) == sorted(f"{each} {step}" for each in ids for step in range(4))


async def test_readers_whose_connections_all_break_get_their_own_answers(
    storage: RedisSnapshotStorage, cluster: RedisClusterServers
) -> None:
    ids = [each for server in cluster.servers for each in ids_on(cluster, server, 2)]
    for saga_id in ids:
        await run(storage, saga_id, Ledger(), nothing)
    for _ in range(10):
        reading = [asyncio.ensure_future(storage.get_checkpoint(each, 3)) for each in ids * 10]
        await asyncio.sleep(0)
        for server in cluster.servers:
            await ask(server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        found = await asyncio.gather(*reading)
        assert [(each.saga_id, each.context) for each in found] == [
            (each, {"id": each}) for each in ids * 10
        ]


async def test_one_server_that_stands_still_holds_up_no_business_and_is_recorded_on_again(
    storage: RedisSnapshotStorage,
    cluster: RedisClusterServers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 0.3)
    paused = cluster.servers[2]
    (saga_id,) = ids_on(cluster, paused, 1)
    ledger = Ledger()

    async def pause() -> None:
        paused.pause()

    with caplog.at_level(logging.WARNING, logger="sagaz"):
        result = await run(storage, saga_id, ledger, pause)
    paused.resume()
    assert result.status == "completed"
    assert result.capture_errors >= 2
    assert "has not answered" in caplog.records[0].message

    monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 5.0)
    later = await run(storage, f"{{{saga_id}}}-later", ledger, nothing)
    assert (later.status, later.capture_errors) == ("completed", 0)
    assert len(await storage.list_checkpoints(later.saga_id)) == 5
