"""What a Redis store acknowledged survives the death of the process that recorded it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from sagaz_core.model import SagaSnapshot, SagaSummary, utc_now
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.storage.recording_process import Nursery
from tests.storage.redis_recording_process import (
    CHECKPOINTS,
    SAGAS,
    Point,
    Task,
    made,
    redis_nursery,
)

ROUNDS = pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.torture)])
ENDED = ("completed", "failed")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with redis_nursery() as nursery:
        yield nursery


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return f"{tmp_path}:"


async def stored(storage: SnapshotStorage) -> dict[str, int]:
    """How many checkpoints each saga has, every one of them being seen to be whole."""
    heads: dict[str, int] = {}
    for saga in [each async for each in all_sagas(storage)]:
        found = [each async for each in storage.iter_checkpoints(saga.saga_id)]
        assert [each.sequence for each in found] == list(range(1, saga.checkpoints + 1))
        for each in found:
            assert each.context == made(saga.saga_id, each.sequence).context
        touched = await storage.list_changes(saga.saga_id, key="n")
        assert len(touched) == len(found)
        last = made(saga.saga_id, saga.checkpoints)
        status = last.status if last.status in ENDED else "interrupted"
        assert saga.status == status
        assert saga.saga_id not in heads, "it is listed twice"
        heads[saga.saga_id] = saga.checkpoints
    return heads


async def all_sagas(storage: SnapshotStorage, **query: Any) -> AsyncIterator[SagaSummary]:
    cursor = None
    while True:
        page = await storage.list_sagas(**query, cursor=cursor, limit=7)
        for saga in page.sagas:
            yield saga
        cursor = page.cursor
        if cursor is None:
            return


async def check_listed(storage: SnapshotStorage, heads: Mapping[str, int]) -> None:
    """See that every saga is found by the status it has, and by no other."""
    for status in (*ENDED, "interrupted", "executing"):
        found = {saga.saga_id async for saga in all_sagas(storage, status=status)}
        assert found == {
            saga_id
            for saga_id, head in heads.items()
            if status == (made(saga_id, head).status if head == CHECKPOINTS else "interrupted")
        }
    counts = Counter(
        made(saga_id, head).status if head == CHECKPOINTS else "interrupted"
        for saga_id, head in heads.items()
    )
    assert await storage.count_sagas("status") == counts


async def check_lists(server: Redis, prefix: str, heads: Mapping[str, int]) -> None:
    """See that the lists themselves name what there is, and nothing else."""
    going = {saga_id for saga_id, head in heads.items() if head < CHECKPOINTS}
    assert set(await server.zrange(f"{prefix}going", 0, -1)) == {each.encode() for each in going}
    for status in ENDED:
        named = set(await server.zrange(f"{prefix}ended:{status}", 0, -1))
        assert named == {
            saga_id.encode()
            for saga_id, head in heads.items()
            if head == CHECKPOINTS and made(saga_id, head).status == status
        }


@ROUNDS
@pytest.mark.parametrize(
    "point",
    [
        "before the append is sent",
        "after the append ran",
        "before a saga that ended is listed",
    ],
)
async def test_a_writer_killed_around_an_append_loses_nothing_acknowledged(
    nursery: Nursery, redis_url: str, tmp_path: Path, point: Point, rounds: int
) -> None:
    chance = random.Random()
    for number in range(rounds):
        prefix = f"{tmp_path}/{number}:"
        nth = chance.randrange(1, 40 if point.endswith(("sent", "ran")) else 8)
        known = nursery.work(Task(redis_url, prefix, "r", point, nth))

        async with RedisSnapshotStorage(redis_url, key_prefix=prefix, read_only=True) as storage:
            heads = await stored(storage)
            more = {saga_id: head - known.get(saga_id, 0) for saga_id, head in heads.items()}
            assert set(more.values()) <= {0, 1}
            assert all(heads[saga_id] >= sequence for saga_id, sequence in known.items())
            if point == "before the append is sent":
                # What others had stored just before may not have been told yet.
                assert sum(more.values()) < SAGAS
            else:
                assert any(more.values())
            await check_listed(storage, heads)

        async with RedisSnapshotStorage(redis_url, key_prefix=prefix) as storage:
            await storage.prune(utc_now() + timedelta(hours=2))
            async with Redis.from_url(redis_url) as server:
                await check_lists(server, prefix, heads)
            assert await stored(storage) == heads
            assert (await storage.prune(utc_now() + timedelta(hours=2))).leftovers == 0
            for saga_id in [each for each, head in heads.items() if head < CHECKPOINTS]:
                for sequence in range(heads[saga_id] + 1, CHECKPOINTS + 1):
                    assert await storage.save_snapshot(made(saga_id, sequence)) == sequence
            assert set((await stored(storage)).values()) <= {CHECKPOINTS}


async def test_a_saga_of_which_only_the_pointers_were_written_is_not_there_and_can_begin(
    nursery: Nursery, redis_url: str, prefix: str
) -> None:
    known = nursery.work(Task(redis_url, prefix, "r", "before the append is sent", 1))
    assert known == {}
    async with RedisSnapshotStorage(redis_url, key_prefix=prefix) as storage:
        assert (await storage.list_sagas()).sagas == []
        assert await storage.get_saga("r-0-0") is None
        # Also where the id is that of another family's replay now.
        await storage.save_snapshot(SagaSnapshot(saga_id="root", saga_name="S"))
        writer = storage.writer(saga_id="r-0-0", saga_name="S", root_id="root", parent_id="root")
        await writer.finish("completed", "none")
        for place in range(1, SAGAS):
            assert await storage.save_snapshot(made(f"r-0-{place}", 1)) == 1


@ROUNDS
@pytest.mark.parametrize("point", ["before a saga is removed", "after a saga was removed"])
async def test_pruning_that_is_killed_leaves_each_saga_whole_or_gone_and_can_be_repeated(
    nursery: Nursery, redis_url: str, prefix: str, point: Point, rounds: int
) -> None:
    chance = random.Random()
    storage = RedisSnapshotStorage(redis_url, key_prefix=prefix)
    async with storage, Redis.from_url(redis_url) as server:
        kept = SagaSnapshot(saga_id="kept", saga_name="S")
        await storage.save_snapshot(kept)
        at_first = {key async for key in server.scan_iter(match=f"{prefix}*")}
        for number in range(rounds):
            ids = [f"{number}-{place}" for place in range(8)]
            for saga_id in ids:
                for sequence in range(1, CHECKPOINTS + 1):
                    await storage.save_snapshot(made(saga_id, sequence))
            nth = chance.randrange(1, len(ids) + 1)
            nursery.work(Task(redis_url, prefix, "", point, nth, prune=True))

            async with RedisSnapshotStorage(redis_url, key_prefix=prefix, read_only=True) as fresh:
                kept_row = await fresh.get_saga("kept")
                there = {s.saga_id: s.checkpoints async for s in all_sagas(fresh)}
                assert kept_row is not None
                assert there.pop("kept") == 1
                assert len(there) == len(ids) - nth + (point == "before a saga is removed")
                assert set(there.values()) == ({CHECKPOINTS} if there else set())
                for saga_id in ids:
                    found = await fresh.list_snapshots(saga_id)
                    assert len(found) == there.get(saga_id, 0)
                    for each in found:
                        assert each.context == made(saga_id, each.sequence).context
                    assert (await fresh.get_saga(saga_id) is None) == (saga_id not in there)

            report = await storage.prune(utc_now() + timedelta(days=2))
            assert (report.sagas, report.checkpoints) == (len(there), CHECKPOINTS * len(there))
            left = {key async for key in server.scan_iter(match=f"{prefix}*")} - at_first
            # Pointers to what is gone are skipped, and end with its retention.
            assert all([await server.pttl(key) > 0 for key in left])
            assert {key.decode().removeprefix(prefix).partition(":")[0] for key in left} <= {
                "root",
                "snapshot",
            }
            if left:
                await server.delete(*left)
