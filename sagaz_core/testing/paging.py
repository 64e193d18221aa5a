"""Nothing is cut off: there is no limit but the one that was asked for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, snapshot
from sagaz_core.testing.rows import append_of

MANY = 1100
"""More than any page, batch or default limit that a store has reason for."""


class PagingContract(ContractBase):
    """Nothing is cut off: there is no limit but the one that was asked for."""

    @pytest.fixture
    async def long_saga(self, storage: SnapshotStorage) -> SnapshotStorage:
        """A store with one saga of many checkpoints, each of which changed a key of its own."""
        await storage.backend.append(
            [
                append_of("long", number, step=f"s{number}", context={f"key{number}": number})
                for number in range(1, MANY + 1)
            ]
        )
        return storage

    async def test_a_long_saga_is_read_whole(self, long_saga: SnapshotStorage) -> None:
        numbers = list(range(1, MANY + 1))
        found = await long_saga.list_snapshots("long")
        assert [each.sequence for each in found] == numbers[::-1]
        assert found[0].context == {f"key{MANY}": MANY}
        lines = await long_saga.list_checkpoints("long")
        assert [line.sequence for line in lines] == numbers
        walked = [each.sequence async for each in long_saga.iter_checkpoints("long")]
        assert walked == numbers
        touches = await long_saga.list_changes("long")
        assert [touch.sequence for touch in touches] == numbers[::-1]
        assert [each.sequence for each in await long_saga.list_snapshots("long", limit=501)] == (
            numbers[:-502:-1]
        )

    async def test_the_first_of_a_long_saga_is_found_from_its_end(
        self, long_saga: SnapshotStorage
    ) -> None:
        found = await long_saga.get_latest_snapshot("long", before_step="s1")
        assert found is not None
        assert found.context == {"key1": 1}
        (touch,) = await long_saga.list_changes("long", key="key1")
        assert touch.sequence == 1
        (only,) = await long_saga.list_snapshots("long", step_name="s2")
        assert only.sequence == 2

    async def test_all_sagas_are_listed_and_pages_miss_none(self, storage: SnapshotStorage) -> None:
        ids = {f"saga_{number:04}" for number in range(450)}
        await asyncio.gather(
            *(storage.save_snapshot(snapshot(each, created_at=T0)) for each in ids)
        )
        assert {found.saga_id for found in await storage.list_snapshots()} == ids
        for limit in (49, 50, 450, 451):
            assert await _walk(storage, limit) == sorted(ids, reverse=True)
        assert (await storage.list_sagas(limit=450)).cursor is None
        assert (await storage.list_sagas(limit=449)).cursor is not None
        assert await storage.count_sagas("status") == {"executing": 450}

    async def test_pages_of_one_saga_each_end(self, storage: SnapshotStorage) -> None:
        for saga_id in ("a", "b", "c"):
            await storage.save_snapshot(snapshot(saga_id, created_at=T0))
        assert await _walk(storage, 1) == ["c", "b", "a"]

    async def test_pages_of_sagas_of_every_status_interleave(
        self, storage: SnapshotStorage
    ) -> None:
        statuses = ("executing", "completed", "failed", "compensating")
        for number in range(40):
            await storage.save_snapshot(
                snapshot(
                    f"s{number:02}",
                    status=statuses[number % 4],
                    created_at=T0 + timedelta(seconds=number // 8),
                )
            )
        everything = [f"s{number:02}" for number in range(39, -1, -1)]
        for limit in (1, 3, 7):
            assert await _walk(storage, limit) == everything
            for index, status in enumerate(statuses):
                assert await _walk(storage, limit, status=status) == [
                    each for each in everything if int(each[1:]) % 4 == index
                ]
            assert await _walk(storage, limit, status=("failed", "executing")) == [
                each for each in everything if int(each[1:]) % 2 == 0
            ]

    async def test_sagas_that_stay_are_seen_once_while_others_move(
        self, storage: SnapshotStorage
    ) -> None:
        ids = [f"s{number:02}" for number in range(30)]
        for number, saga_id in enumerate(ids):
            at = T0 + timedelta(seconds=number)
            await storage.save_snapshot(snapshot(saga_id, created_at=at))
        seen: list[str] = []
        cursor = None
        moved = {"s03", "s14", "s15", "s28"}
        while True:
            page = await storage.list_sagas(cursor=cursor, limit=4)
            seen += [saga.saga_id for saga in page.sagas]
            cursor = page.cursor
            if cursor is None:
                break
            for saga_id in moved:
                await storage.save_snapshot(snapshot(saga_id))
        stayed = [saga_id for saga_id in seen if saga_id not in moved]
        assert stayed == [saga_id for saga_id in reversed(ids) if saga_id not in moved]

    async def test_the_whole_replay_log_is_listed(self, storage: SnapshotStorage) -> None:
        for number in range(320):
            await storage.save_replay_log(
                ReplayLogEntry(
                    replay_id=f"a~r{number}",
                    original_saga_id="a" if number % 2 else "b",
                    from_step="s",
                    snapshot_id=None,
                    sequence=None,
                    started_at=T0 + timedelta(seconds=number),
                )
            )
        assert [entry.replay_id for entry in await storage.list_replays()] == [
            f"a~r{number}" for number in range(319, -1, -1)
        ]
        assert len(await storage.list_replays("a")) == 160

    async def test_many_sagas_are_removed_at_once(self, storage: SnapshotStorage) -> None:
        await storage.backend.append([append_of(f"s{number}") for number in range(600)])
        await storage.save_snapshot(snapshot("kept"))
        assert await storage.backend.delete([f"s{number}" for number in range(600)]) == 600
        assert [each.saga_id for each in await storage.list_snapshots()] == ["kept"]


async def _walk(storage: SnapshotStorage, limit: int, **filters: Any) -> list[str]:
    """Return the ids on all pages of a list, in order."""
    seen: list[str] = []
    cursor = None
    while True:
        page = await storage.list_sagas(cursor=cursor, limit=limit, **filters)
        assert len(page.sagas) <= limit
        seen += [saga.saga_id for saga in page.sagas]
        cursor = page.cursor
        if cursor is None:
            return seen
