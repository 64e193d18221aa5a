"""What is Redis's own: slots, expiry by the server, compression, lists that may be stale."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from sagaz_core import ReplayConfig, Saga, SagaConfig
from sagaz_core.errors import StorageUnavailableError, UsageError
from sagaz_core.model import SagaSnapshot, utc_now
from sagaz_core.storage.backends.redis.backend import RedisSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.url import open_storage
from sagaz_core.testing.redis_server import RedisServer


class NoteSaga(Saga):
    """One step that keeps a text of some length."""

    async def build(self) -> None:
        await self.add_step("note", lambda ctx: ctx.update(text="a note " * 200))


def recording(days: float | None) -> SagaConfig:
    return SagaConfig(replay_config=ReplayConfig(enable_snapshots=True, retention_days=days))


def snapshot(saga_id: str = "saga", **fields: Any) -> SagaSnapshot:
    return SagaSnapshot(
        **{"saga_id": saga_id, "saga_name": "S", "kind": "before_step", "step_name": "a", **fields}
    )


@pytest.fixture
def prefix() -> str:
    """A part of the server that is this test's own."""
    return f"test {uuid4()}:"


@pytest.fixture
async def server(redis_url: str) -> AsyncIterator[Redis]:
    """The server as its administrator sees it."""
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def keys_of(server: Redis, prefix: str, part: str = "") -> list[str]:
    return [key.decode() async for key in server.scan_iter(match=f"{prefix}{part}*")]


async def lasting(server: Redis, prefix: str) -> dict[str, int]:
    """Return for each key when it expires, in milliseconds since 1970; -1: never."""
    return {key: await server.pexpiretime(key) for key in await keys_of(server, prefix)}


async def until_gone(storage: RedisSnapshotStorage, saga_id: str) -> None:
    """Return once the server, which tells nobody, has let a saga expire."""
    async with asyncio.timeout(10):
        while await storage.get_saga(saga_id) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# ---------------------------------------------------------------- slots


@pytest.mark.parametrize("saga_id", ["order", "a}b{c", "{x}", "../*%{}", "é ü"])
async def test_all_of_a_family_lives_in_one_slot(
    redis_url: str, prefix: str, server: Redis, saga_id: str
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await NoteSaga({}, saga_id=saga_id, snapshot_storage=storage).execute()
        lease = await storage.acquire_lease(saga_id, owner="me", holder=f"{saga_id}~r1")
        writer = storage.writer(
            saga_id=f"{saga_id}~r1",
            saga_name="NoteSaga",
            root_id=saga_id,
            parent_id=saga_id,
            parent_sequence=1,
            fence=lease.fence,
        )
        await writer.append(capture(snapshot(f"{saga_id}~r1", context={"n": 1})))
    tagged = [key for key in await keys_of(server, prefix) if key.startswith(prefix + "{")]
    assert len(tagged) >= 13
    assert len({key_slot(key.encode()) for key in tagged}) == 1


# ---------------------------------------------------------------- expiry


async def test_all_that_belongs_to_a_saga_expires_together(
    redis_url: str, prefix: str, server: Redis
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await NoteSaga({}, saga_id="o", config=recording(2), snapshot_storage=storage).execute()
        saga = await storage.get_saga("o")
        row = await storage.backend.saga("o")
        assert row is not None
        entries = await storage.backend.entries("o", 1, row.head)
        # That other bytes came in place of these makes no difference.
        assert await storage.backend.replace(row, entries, expected_head=row.head)
    assert saga is not None
    assert saga.expires_at is not None
    expires = saga.expires_at.timestamp() * 1000
    keys = await keys_of(server, prefix, "{o}")
    assert len(keys) >= 7
    times = {key: await server.pexpiretime(key) for key in keys}
    assert all(abs(each - expires) <= 1 for each in times.values()), times


async def test_an_expired_saga_is_gone_from_every_list_and_from_the_counts(
    redis_url: str, prefix: str
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await storage.save_snapshot(snapshot("stays", kind="completed", status="completed"))
        soon = utc_now() + timedelta(milliseconds=300)
        gone = snapshot("goes", kind="completed", status="completed", retention_until=soon)
        await storage.save_snapshot(gone)
        assert await storage.count_sagas("status") == {"completed": 2}
        await until_gone(storage, "goes")
        assert [saga.saga_id for saga in (await storage.list_sagas()).sagas] == ["stays"]
        assert await storage.count_sagas("status") == {"completed": 1}
        assert await storage.count_sagas("name", name="S") == {"S": 1}
        assert await storage.get_snapshot(gone.snapshot_id) is None
        assert await storage.get_latest_snapshot("goes") is None
        assert utc_now() >= soon


async def test_pruning_clears_the_lists_of_what_expired(
    redis_url: str, prefix: str, server: Redis
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        soon = utc_now() + timedelta(milliseconds=200)
        await storage.save_snapshot(
            snapshot("goes", kind="completed", status="completed", retention_until=soon)
        )
        await until_gone(storage, "goes")
        assert (await storage.prune(dry_run=True)).leftovers == 3
        assert await server.zcard(f"{prefix}ended:completed") == 1
        assert (await storage.prune()).leftovers == 3
        assert (await storage.prune()).leftovers == 0
    for name in await keys_of(server, prefix, "ended:"):
        assert await server.zcard(name) == 0
    assert await server.zcard(f"{prefix}expiring") == 0


async def test_a_writer_takes_expired_sagas_off_the_lists_it_writes_to(
    redis_url: str, prefix: str, server: Redis
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        soon = utc_now() + timedelta(milliseconds=200)
        writing = snapshot("goes", kind="completed", status="completed", retention_until=soon)
        await storage.save_snapshot(writing)
        await until_gone(storage, "goes")
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await storage.save_snapshot(snapshot("new", kind="completed", status="completed"))
    assert await server.zrange(f"{prefix}ended:completed", 0, -1) == [b"new"]
    assert await server.zrange(f"{prefix}ended:completed:name:S", 0, -1) == [b"new"]


async def test_a_retention_in_the_past_is_refused(redis_url: str, prefix: str) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        past = snapshot(retention_until=utc_now() - timedelta(seconds=1))
        with pytest.raises(UsageError, match="in the past"):
            await storage.save_snapshot(past)
        assert await storage.get_saga("saga") is None
        await storage.save_snapshot(snapshot(retention_until=utc_now() + timedelta(hours=1)))


async def test_a_retention_longer_than_the_store_s_is_refused_when_the_saga_is_made(
    redis_url: str, prefix: str
) -> None:
    storage = RedisSnapshotStorage(redis_url, prefix, default_ttl=86_400)
    with pytest.raises(UsageError, match="retention_days is 2, but the store keeps nothing longer"):
        NoteSaga({}, config=recording(2), snapshot_storage=storage)
    NoteSaga({}, config=recording(1), snapshot_storage=storage)
    async with storage:
        with pytest.raises(UsageError, match="default_ttl of 1 days"):
            await storage.save_snapshot(snapshot(retention_until=utc_now() + timedelta(days=2)))


async def test_a_saga_that_asks_for_no_retention_expires_by_the_store_s(
    redis_url: str, prefix: str
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix, default_ttl=3600) as storage:
        for saga_id, config in (("default", None), ("for ever", recording(None))):
            saga = NoteSaga({}, saga_id=saga_id, config=config, snapshot_storage=storage)
            result = await saga.execute()
            assert result.capture_errors == 0
            found = await storage.get_saga(saga_id)
            assert found is not None
            assert found.expires_at is not None
            assert timedelta(minutes=59) < found.expires_at - utc_now() <= timedelta(hours=1)


async def test_a_saga_that_stays_keeps_its_family_although_a_replay_of_it_expires(
    redis_url: str, prefix: str, server: Redis
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await NoteSaga({}, saga_id="o", config=recording(None), snapshot_storage=storage).execute()
        lease = await storage.acquire_lease("o", owner="me", holder="o~r1")
        writer = storage.writer(
            saga_id="o~r1", saga_name="NoteSaga", root_id="o", parent_id="o", fence=lease.fence
        )
        soon = utc_now() + timedelta(hours=1)
        await writer.append(capture(snapshot("o~r1", retention_until=soon)))
    assert await server.pttl(f"{prefix}{{o}}:family") == -1
    assert await server.pttl(f"{prefix}{{o}}:members") == -1
    assert await server.pttl(f"{prefix}{{o}}:saga:o") == -1
    assert await server.pttl(f"{prefix}{{o}}:saga:o~r1") > 0


async def test_a_saga_that_goes_on_for_longer_than_it_is_kept_is_still_found(
    redis_url: str, prefix: str, server: Redis
) -> None:
    began = utc_now() - timedelta(days=3)
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        writer = storage.writer(saga_id="long", saga_name="S")
        tomorrow = utc_now() + timedelta(days=1)
        await writer.append(capture(snapshot("long", created_at=began, retention_until=tomorrow)))
        await server.pexpire(f"{prefix}root:long", 60_000)
        await writer.append(capture(snapshot("long", retention_until=tomorrow)))
    assert await server.ttl(f"{prefix}root:long") > 86_400


# ---------------------------------------------------------------- compression


async def test_a_store_stays_readable_when_its_compression_changes(
    redis_url: str, prefix: str, server: Redis
) -> None:
    # A keyframe is compressed whatever the backend does; many small changes are not.
    large = {"large": "".join(str(uuid4()) for _ in range(500))}
    first = {**{f"key {number}": "" for number in range(100)}, **large}
    context = {**dict.fromkeys(first, "compresses well"), **large}
    sizes = []
    for number, compressed in enumerate((True, False, True)):
        storage = RedisSnapshotStorage(redis_url, prefix, enable_compression=compressed)
        async with storage:
            await storage.save_snapshot(snapshot(f"s{number}", context=first))
            await storage.save_snapshot(snapshot(f"s{number}", context=context))
        key = f"{prefix}{{s{number}}}:saga:s{number}:bodies"
        sizes.append(len(await server.hget(key, "2") or b""))
        async with RedisSnapshotStorage(redis_url, prefix, enable_compression=False) as storage:
            for earlier in range(number + 1):
                found = await storage.get_latest_snapshot(f"s{earlier}")
                assert found is not None
                assert found.context == context
    assert sizes[0] == sizes[2] < sizes[1]


# ---------------------------------------------------------------- what the store says


def test_constructing_reaches_no_server_and_refuses_what_cannot_be(tmp_path: Path) -> None:
    RedisSnapshotStorage("redis://nowhere.invalid:1/0")
    for wrong in ("http://localhost", "redis://", "redis://host:no"):
        with pytest.raises(UsageError, match="no address of a Redis server"):
            RedisSnapshotStorage(wrong)
    with pytest.raises(UsageError, match="default_ttl"):
        RedisSnapshotStorage("redis://localhost", default_ttl=0)
    with pytest.raises(UsageError, match="compression_level"):
        RedisSnapshotStorage("redis://localhost", compression_level=0)


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    storage = RedisSnapshotStorage("redis://me:secret@127.0.0.1:1/0?client_name=secret")
    with pytest.raises(StorageUnavailableError, match=r"redis://127\.0\.0\.1:1/0 cannot") as raised:
        await storage.open()
    assert "secret" not in str(raised.value)


async def test_a_server_that_is_too_old_is_said_to_be_so(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_core.storage.backends.redis.connection._OLDEST_SERVER", 99)
    with pytest.raises(StorageUnavailableError, match="use version 99 or later"):
        await RedisSnapshotStorage(redis_url).open()


async def test_a_wrong_password_is_said_to_be_one(tmp_path: Path) -> None:
    with RedisServer(tmp_path, options={"requirepass": "right"}) as server:
        address = server.url.replace("redis://", "redis://:wrong@")
        with pytest.raises(StorageUnavailableError, match="user and password") as raised:
            await RedisSnapshotStorage(address).open()
        assert "wrong@" not in str(raised.value)


async def test_an_address_may_name_the_prefix_of_the_keys(redis_url: str, prefix: str) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await storage.save_snapshot(snapshot())
    address = f"{redis_url}?key_prefix={prefix.replace(' ', '%20')}"
    async with open_storage(address, read_only=True) as storage:
        assert await storage.get_saga("saga") is not None
        assert "key_prefix" not in storage.name


async def test_looking_at_a_prefix_with_no_store_says_so(redis_url: str, prefix: str) -> None:
    with pytest.raises(StorageUnavailableError, match="there is no store"):
        await RedisSnapshotStorage(redis_url, prefix, read_only=True).open()


async def test_it_is_said_once_in_words_that_a_server_may_lose_checkpoints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}
    with RedisServer(tmp_path / "loose", options=options) as server:
        storage = RedisSnapshotStorage(server.url)
        with caplog.at_level(logging.WARNING, "sagaz"):
            for _ in range(3):
                async with storage:
                    await storage.save_snapshot(snapshot())
        text = caplog.text
        assert text.count("may drop recorded sagas") == 1
        assert text.count("keeps no append-only file") == 1
        caplog.clear()
        async with RedisSnapshotStorage(server.url, read_only=True) as looking:
            assert await looking.get_saga("saga") is not None
        assert not caplog.records
    with RedisServer(tmp_path / "safe", durable=True) as server:
        async with RedisSnapshotStorage(server.url) as storage:
            await storage.save_snapshot(snapshot())
        assert not caplog.records


# ---------------------------------------------------------------- lists


async def test_a_saga_found_where_it_no_longer_belongs_is_told_as_it_is(
    redis_url: str, prefix: str, server: Redis
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await storage.save_snapshot(snapshot("s", kind="failed", status="failed"))
        # As if its writer had died before it was entered in the lists of the ended.
        await server.delete(f"{prefix}ended:failed", f"{prefix}ended:failed:name:S")
        await server.zadd(f"{prefix}going", {"s": 0})
        assert [saga.saga_id for saga in (await storage.list_sagas(status="failed")).sagas] == ["s"]
        assert (await storage.list_sagas(status="executing")).sagas == []
        await storage.prune()
        assert await server.zrange(f"{prefix}going", 0, -1) == []
        assert await server.zrange(f"{prefix}ended:failed:name:S", 0, -1) == [b"s"]
        assert [saga.saga_id for saga in (await storage.list_sagas(status="failed")).sagas] == ["s"]


async def test_what_a_list_names_and_is_not_there_is_skipped(
    redis_url: str, prefix: str, server: Redis
) -> None:
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await storage.save_snapshot(snapshot("s", kind="failed", status="failed"))
        now = time.time() * 1_000_000
        for name in ("ended:failed", "ended:completed", "going"):
            await server.zadd(f"{prefix}{name}", {"ghost": now + 1, "other\0family": now})
        await server.zadd(f"{prefix}ended:completed", {"s": now})
        assert [saga.saga_id for saga in (await storage.list_sagas()).sagas] == ["s"]
        assert await storage.count_sagas("status") == {"failed": 1}


# ---------------------------------------------------------------- holds


async def test_no_key_of_a_family_that_is_held_has_a_time_and_later_each_has_its_own_again(
    redis_url: str, server: Redis, prefix: str
) -> None:
    until = utc_now() + timedelta(hours=1)
    async with RedisSnapshotStorage(redis_url, key_prefix=prefix) as storage:
        await storage.save_snapshot(snapshot("a", retention_until=until))
        replay = storage.writer(
            saga_id="a~r1", saga_name="S", root_id="a", parent_id="a", parent_sequence=1
        )
        await replay.append(capture(snapshot("a~r1", context={"n": 1}, retention_until=until)))
        before = await lasting(server, prefix)
        await storage.hold("a", by="ada", reason="a lawsuit")
        later = snapshot("a", status="failed", context={"n": 1}, retention_until=until)
        await storage.save_snapshot(later)
        held = await lasting(server, prefix)
        assert before.keys() <= held.keys()
        assert set(held.values()) == {-1}
        await storage.release_hold("a", by="ada")
        after = await lasting(server, prefix)
    timed = {key for key, expires in before.items() if expires > 0}
    assert len(timed) > 10
    # Of each saga's own keys to the millisecond; what it is found by lasts twice as long.
    assert {key: after[key] for key in timed if "{a}" in key} == {
        key: before[key] for key in timed if "{a}" in key
    }
    assert all(after[key] > 0 for key in timed)
    assert after[f"{prefix}snapshot:{later.snapshot_id}"] > 0
