"""A network that loses replies and delivers late, and callers that are cancelled anywhere."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from sagaz_core.errors import SnapshotNotFoundError, StorageUnavailableError
from sagaz_core.model import ReplayLogEntry, SagaSnapshot, utc_now
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.backends.redis import connection as redis_connection
from sagaz_core.storage.backends.redis.commands import Script
from sagaz_core.storage.backends.rows import RecordRow, SagaRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.writer import SagaWriter
from tests.storage.redis_proxy import RedisProxy, redis_proxy

SAGAS = 6


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[RedisProxy]:
    async with redis_proxy(redis_url) as proxy:
        yield proxy


@pytest.fixture
async def storage(proxy: RedisProxy, tmp_path: Path) -> AsyncIterator[RedisSnapshotStorage]:
    """A store behind a proxy."""
    async with RedisSnapshotStorage(proxy.url, key_prefix=f"{tmp_path}:") as storage:
        # So that the server knows the scripts, and runs them at the first request.
        await storage.save_snapshot(snapshot(1, "earlier"))
        lease = await storage.acquire_lease("earlier", owner="me", holder="earlier~r1")
        await lease.release()
        await storage.backend.put(record("earlier"), expected_version=0)
        yield storage


def snapshot(number: int, saga_id: str = "s", **fields: Any) -> SagaSnapshot:
    context = {"n": number, "items": [f"{saga_id} {n}" for n in range(number)]}
    return SagaSnapshot(saga_id=saga_id, saga_name="S", context=context, **fields)


def writer_of(storage: RedisSnapshotStorage) -> SagaWriter:
    return storage.writer(saga_id="s", saga_name="S", fence=1, claim=True, new_ids=True)


def record(id: str) -> RecordRow:
    return RecordRow(kind="k", id=id, version=1, saga=None, at=1, body=b"mine")


def call_of(name: str) -> bytes:
    """What every call of a script of ours holds."""
    return Script(name).sha.encode()


async def numbers(storage: RedisSnapshotStorage, saga_id: str = "s") -> list[tuple[int, Any]]:
    """The number of each stored checkpoint and the one its context was made with."""
    found = [each async for each in storage.iter_checkpoints(saga_id)]
    for each in found:
        assert each.context == snapshot(each.context["n"], saga_id).context
    return [(each.sequence, each.context["n"]) for each in found]


# ---------------------------------------------------------------- replies that are lost


async def test_an_append_whose_reply_is_lost_is_stored_once_under_its_number(
    storage: RedisSnapshotStorage, proxy: RedisProxy
) -> None:
    writer = writer_of(storage)
    for number in range(1, 7):
        if number % 2:
            proxy.lose_reply_to(call_of("append"))
        assert await writer.append(capture(snapshot(number))) == number
    assert proxy.lost == 3
    assert await numbers(storage) == [(number, number) for number in range(1, 7)]
    assert [each.sequence for each in await storage.list_changes("s", key="n")] == [
        *range(6, 0, -1)
    ]


async def test_many_sagas_that_share_an_append_whose_reply_is_lost_are_stored_once_each(
    storage: RedisSnapshotStorage, proxy: RedisProxy
) -> None:
    ids = [f"s{number}" for number in range(20)]
    for number in range(1, 4):
        proxy.lose_reply_to(call_of("append"))
        saves = (storage.save_snapshot(snapshot(number, saga_id)) for saga_id in ids)
        assert await asyncio.gather(*saves) == [number] * len(ids)
    assert proxy.lost == 3
    for saga_id in ids:
        assert await numbers(storage, saga_id) == [(1, 1), (2, 2), (3, 3)]


async def test_a_saga_whose_last_reply_is_lost_stands_in_the_list_of_its_end(
    storage: RedisSnapshotStorage, proxy: RedisProxy, tmp_path: Path
) -> None:
    writer = writer_of(storage)
    await writer.append(capture(snapshot(1)))
    proxy.lose_reply_to(call_of("append"))
    last = snapshot(2, kind="failed", status="failed")
    assert await writer.append(capture(last), release=True) == 2
    assert proxy.lost == 1
    (saga,) = (await storage.list_sagas(status="failed")).sagas
    assert (saga.status, saga.checkpoints) == ("failed", 2)
    async with Redis.from_url(proxy.url) as server:
        # It does not stand among those that run any more, which are all looked at each time.
        assert await server.zrange(f"{tmp_path}:going", 0, -1) == [b"earlier"]
        assert await server.zrange(f"{tmp_path}:ended:failed", 0, -1) == [b"s"]


async def test_a_lease_is_taken_though_the_reply_that_said_so_was_lost(
    storage: RedisSnapshotStorage, proxy: RedisProxy
) -> None:
    await storage.save_snapshot(snapshot(1))
    proxy.lose_reply_to(call_of("acquire"))
    lease = await storage.acquire_lease("s", owner="me", holder="s~r1")
    assert (lease.fence, proxy.lost) == (1, 1)
    assert await lease.beat()


async def test_of_two_who_take_a_lease_at_once_one_has_it_though_replies_are_lost(
    storage: RedisSnapshotStorage, proxy: RedisProxy
) -> None:
    backend = storage.backend
    term = 60_000_000
    for number in range(10):
        proxy.lose_reply_to(call_of("acquire"))
        answers = await asyncio.gather(
            *(
                backend.acquire(f"r{number}", owner="me", holder="h", term=term, expect_fence=0)
                for _ in range(3)
            )
        )
        assert sorted(taken for taken, _ in answers) == [False, False, True]


async def test_a_document_is_stored_once_though_the_reply_that_said_so_was_lost(
    storage: RedisSnapshotStorage, proxy: RedisProxy
) -> None:
    proxy.lose_reply_to(call_of("put"))
    assert await storage.backend.put(record("i"), expected_version=0)
    found = await storage.backend.get("k", "i")
    assert found is not None
    assert (found.version, found.body, proxy.lost) == (1, b"mine", 1)
    # Another who would store the very same is refused all the same.
    assert not await storage.backend.put(record("i"), expected_version=0)


async def test_a_replay_is_logged_though_replies_are_lost(
    storage: RedisSnapshotStorage, proxy: RedisProxy
) -> None:
    entry = ReplayLogEntry(
        replay_id="s~r1", original_saga_id="s", from_step="a", snapshot_id=None, sequence=1
    )
    proxy.lose_reply_to(call_of("put"))
    await storage.save_replay_log(entry)
    assert proxy.lost == 1
    assert await storage.list_replays("s") == [entry]


# ---------------------------------------------------------------- requests that come late


async def test_a_write_that_arrives_after_its_writer_gave_up_on_it_is_no_conflict(
    storage: RedisSnapshotStorage, proxy: RedisProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, read = storage.backend, storage.backend.saga

    async def read_just_before_it_arrives(saga_id: str) -> SagaRow | None:
        row = await read(saga_id)
        proxy.release()
        await proxy.passed.wait()
        return row

    writer = writer_of(storage)
    await writer.append(capture(snapshot(1)))
    monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 0.2)
    proxy.hold(call_of("append"))
    with pytest.raises(StorageUnavailableError, match="has not answered"):
        await writer.append(capture(snapshot(2)))
    monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 10.0)
    monkeypatch.setattr(backend, "saga", read_just_before_it_arrives)
    assert await writer.append(capture(snapshot(3))) == 3
    assert await writer.append(capture(snapshot(4))) == 4
    assert await numbers(storage) == [(1, 1), (2, 2), (3, 3), (4, 4)]


async def test_a_write_that_arrives_after_the_next_one_is_not_stored(
    storage: RedisSnapshotStorage, proxy: RedisProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_of(storage)
    await writer.append(capture(snapshot(1)))
    monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 0.2)
    proxy.hold(call_of("append"))
    with pytest.raises(StorageUnavailableError):
        await writer.append(capture(snapshot(2)))
    monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 10.0)
    assert await writer.append(capture(snapshot(3))) == 2
    proxy.release()
    await proxy.passed.wait()
    assert await writer.append(capture(snapshot(4))) == 3
    assert await numbers(storage) == [(1, 1), (2, 3), (3, 4)]


# ---------------------------------------------------------------- many requests, and cancelled ones


async def test_more_readers_than_there_are_connections_all_get_their_answer(
    storage: RedisSnapshotStorage,
) -> None:
    for number in range(SAGAS):
        await storage.save_snapshot(snapshot(1, f"s{number}"))
    following = [
        asyncio.ensure_future(storage.wait(await storage.wait(None, 0), 60)) for _ in range(150)
    ]
    ids = [f"s{number % SAGAS}" for number in range(300)]
    found = await asyncio.gather(*(storage.get_saga(saga_id) for saga_id in ids))
    assert [saga and saga.saga_id for saga in found] == ids
    for each in following:
        each.cancel()
    await asyncio.gather(*following, return_exceptions=True)


class Crowd:
    """Saves and reads of several sagas that know what must come out of them."""

    def __init__(self, storage: RedisSnapshotStorage, chance: random.Random) -> None:
        self.storage = storage
        self.chance = chance
        self.tried = {f"s{number}": 0 for number in range(SAGAS)}
        self.acknowledged = dict.fromkeys(self.tried, 0)
        self.finished = 0

    async def save(self, saga_id: str) -> None:
        self.tried[saga_id] += 1
        made = snapshot(self.tried[saga_id], saga_id)
        number = await self.storage.save_snapshot(made)
        self.acknowledged[saga_id] = max(number, self.acknowledged[saga_id])

    async def read(self, saga_id: str) -> None:
        known = self.acknowledged[saga_id]
        try:
            found = await self.storage.get_checkpoint(saga_id, max(known, 1))
        except LookupError:
            assert known == 0
            return
        assert found.saga_id == saga_id
        assert found.context == snapshot(found.context["n"], saga_id).context

    async def look(self, saga_id: str) -> None:
        known = self.acknowledged[saga_id]
        saga = await self.storage.get_saga(saga_id)
        assert (saga.saga_id if saga else saga_id) == saga_id
        assert (saga.checkpoints if saga else 0) >= known

    async def search(self, saga_id: str) -> None:
        found = await self.storage.get_snapshot_at_time(saga_id, utc_now())
        assert found is None or found.context == snapshot(found.context["n"], saga_id).context

    async def act(self) -> None:
        deed = self.chance.choice((self.save, self.save, self.read, self.look, self.search))
        await deed(self.chance.choice(list(self.tried)))
        self.finished += 1

    async def cancel_some(self) -> None:
        """Let several act at once, and cancel some of them at moments of chance."""
        acting = [asyncio.ensure_future(self.act()) for _ in range(self.chance.randrange(2, 10))]
        for task in self.chance.sample(acting, len(acting) // 2):
            for _ in range(self.chance.randrange(12)):
                await asyncio.sleep(0)
            task.cancel()
        for answer in await asyncio.gather(*acting, return_exceptions=True):
            if answer is not None and not isinstance(answer, asyncio.CancelledError):
                raise answer


@pytest.mark.parametrize(
    ("rounds", "seed"),
    [(200, 1), (200, 2), pytest.param(5000, 3, marks=pytest.mark.torture)],
)
async def test_callers_cancelled_anywhere_leave_nothing_half_written_and_take_no_other_s_answer(
    storage: RedisSnapshotStorage, rounds: int, seed: int
) -> None:
    crowd = Crowd(storage, random.Random(seed))
    for _ in range(rounds):
        await crowd.cancel_some()
    assert crowd.finished > rounds
    for saga_id, acknowledged in crowd.acknowledged.items():
        found = await numbers(storage, saga_id)
        assert [sequence for sequence, _ in found] == list(range(1, len(found) + 1))
        assert acknowledged <= len(found) <= crowd.tried[saga_id]
        made_with = [number for _, number in found]
        assert len(set(made_with)) == len(made_with)
        touches = await storage.list_changes(saga_id, key="n", limit=10_000)
        assert len(touches) == len(found)
        await storage.save_snapshot(snapshot(1, saga_id))
    with pytest.raises(SnapshotNotFoundError):
        await storage.get_checkpoint("s0", 100_000)
