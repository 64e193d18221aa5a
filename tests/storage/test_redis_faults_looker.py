"""A Redis user whose rights allow reading only: all that looks works, nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import ReadOnlyStoreError
from sagaz_core.history.blame import blame
from sagaz_core.history.diff import diff_checkpoints
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import SagaSnapshot, utc_now
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.testing.redis_server import RedisServer
from tests.replay import shop
from tests.saga.sagas import Built, Ledger
from tests.storage.redis_looker import PASSWORD, add_looker, watched


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server of these tests' own: what every user does is counted."""
    with RedisServer(tmp_path_factory.mktemp("server"), durable=True) as server:
        yield server


@pytest.fixture
async def url(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The looker's address of a store that holds a failed order and its recovered twin."""
    monkeypatch.setattr(shop, "LEDGER", shop.Ledger())
    async with RedisSnapshotStorage(server.url) as storage:
        if await storage.get_saga("order_1") is None:
            for saga_id in ("order_1", "order_2"):
                await shop.run_order(storage, saga_id)
            replay = SagaReplay("order_2", storage)
            await replay.from_checkpoint("charge", context_override={"payment_token": "tok_new"})
    return await add_looker(server)


@pytest.fixture
async def looking(url: str) -> AsyncIterator[RedisSnapshotStorage]:
    """The store as the looker opens it."""
    async with RedisSnapshotStorage(url, read_only=True) as storage:
        yield storage


async def test_everything_in_the_library_that_looks_works_for_a_user_who_may_only_read(
    looking: RedisSnapshotStorage, server: RedisServer
) -> None:
    async with watched(server) as seen:
        page = await looking.list_sagas()
        assert [saga.saga_id for saga in page.sagas] == ["order_2~r1", "order_2", "order_1"]
        assert await looking.count_sagas("status") == {"failed": 2, "completed": 1}
        assert await looking.count_sagas("error_group", status="failed")
        assert len((await looking.list_sagas(status="failed", unsettled=True)).sagas) == 1
        checkpoints = await looking.list_checkpoints("order_1")
        for each in checkpoints:
            snapshot = await looking.get_checkpoint("order_1", each.sequence)
            assert await looking.get_snapshot(each.snapshot_id) == snapshot
            assert await looking.get_snapshot_at_time("order_1", each.created_at) is not None
        assert await looking.list_snapshots("order_1", limit=2)
        assert await looking.list_snapshots(status="failed")
        assert await looking.list_changes("order_1")
        assert await looking.list_changes("order_1", key="amount")
        assert len(await looking.list_family("order_2")) == 2
        assert await looking.get_family("order_2") is not None
        assert await looking.get_run("order_1")
        assert len(await looking.list_replays("order_2")) == len(await looking.list_replays()) == 1
        assert await looking.get_replay_log("order_2~r1") is not None
        assert await blame(looking, "order_1", "amount")
        first, last = checkpoints[0].sequence, checkpoints[-1].sequence
        assert await diff_checkpoints(looking, "order_1", first, last)
        at = {"saga_id": "order_1", "timestamp": utc_now(), "snapshot_storage": looking}
        assert await SagaTimeTravel.get_state_at(**at) is not None
        plan = await SagaReplay("order_1", looking).from_checkpoint("charge", dry_run=True)
        assert plan.status == "valid"
        assert (await looking.health_check()).status == "ok"
        assert (await looking.info()).sagas == 3
        assert (await looking.prune(dry_run=True)).sagas == 0
        assert await looking.backend.check()
    assert seen.written == set()
    assert {"hmget", "xrange", "zrevrangebyscore", "get"} <= seen.commands


async def test_a_user_who_may_only_read_sees_news_as_they_come(
    looking: RedisSnapshotStorage, server: RedisServer
) -> None:
    async with RedisSnapshotStorage(server.url) as writing:
        cursor = await looking.wait(None, 0)
        following = asyncio.create_task(anext(looking.follow("news")))
        waiting = asyncio.create_task(looking.wait(cursor, 30))
        await writing.save_snapshot(
            SagaSnapshot(
                saga_id="news",
                saga_name="S",
                context={"n": 1},
                retention_until=utc_now() + timedelta(days=1),
            )
        )
        assert (await following).context == {"n": 1}
        assert await waiting != cursor
        await writing.backend.delete(["news"])


async def test_whatever_writes_is_refused_by_the_core_before_the_server_hears_of_it(
    looking: RedisSnapshotStorage, server: RedisServer
) -> None:
    async with watched(server) as seen:
        for write in (
            looking.save_snapshot(SagaSnapshot(saga_id="x", saga_name="S")),
            looking.delete_snapshot("x"),
            looking.prune(),
            looking.acquire_lease("order_1", owner="me", holder="x"),
            SagaReplay("order_1", looking).from_checkpoint("charge"),
        ):
            with pytest.raises(ReadOnlyStoreError, match="opened to look only"):
                await write
    assert seen.written == set()


async def test_opened_for_writing_the_store_says_what_such_a_user_can_do(url: str) -> None:
    storage = RedisSnapshotStorage(url)
    with pytest.raises(ReadOnlyStoreError) as refused:
        await storage.open()
    words = str(refused.value)
    assert "does not allow this user" in words
    assert "open the store read-only, or as a user who may" in words
    assert PASSWORD not in words


async def test_a_saga_that_such_a_user_runs_goes_on_and_says_that_it_is_not_recorded(
    url: str, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()

    async def build(saga: Any) -> None:
        await saga.add_step("a", ledger.does("a"))
        await saga.add_step("b", ledger.does("b"))

    async with watched(server) as seen:
        storage = RedisSnapshotStorage(url)
        result = await Built(build, saga_id="mine", snapshot_storage=storage).execute()
        await storage.close()
    assert (result.status, ledger, result.capture_errors) == ("completed", ["a", "b"], 3)
    assert all("does not allow this user" in record.message for record in caplog.records)
    assert seen.written == set()


async def test_a_user_with_the_wrong_password_is_told_so(url: str, tmp_path: Path) -> None:
    storage = RedisSnapshotStorage(url.replace(PASSWORD, "guessed"), read_only=True)
    with pytest.raises(Exception, match="does not accept this user and password") as refused:
        await storage.open()
    assert "guessed" not in str(refused.value)
