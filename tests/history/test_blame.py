"""Who set a key, when, and every value it had."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import SagaNotFoundError
from sagaz_core.history.blame import Unreadable, blame
from sagaz_core.model import MISSING
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import EntryRow
from sagaz_core.storage.storage import SnapshotStorage
from tests.history.recorded import minute, record


class Tokens(Saga):
    """Sets, changes and removes a token."""

    async def build(self) -> None:
        await self.add_step("issue", self.issue)
        await self.add_step("renew", self.renew)
        await self.add_step("drop", self.drop)

    async def issue(self, ctx: StepContext) -> int:
        ctx["token"] = "a"
        return 1

    async def renew(self, ctx: StepContext) -> None:
        ctx["token"] = "b"

    async def drop(self, ctx: StepContext) -> None:
        del ctx["token"]


async def test_every_value_is_told_newest_first_with_the_step_that_set_it(
    storage: SnapshotStorage,
) -> None:
    await Tokens({"token": None}, saga_id="order_1", snapshot_storage=storage).execute()
    entries = await blame(storage, "order_1", "token")
    assert [(entry.step_name, entry.value, entry.sequence) for entry in entries] == [
        ("drop", MISSING, 4),
        ("renew", "b", 3),
        ("issue", "a", 2),
        (None, None, 1),
    ]
    times = [entry.created_at for entry in entries]
    assert times == sorted(times, reverse=True)


async def test_a_steps_result_is_a_key_of_its_name(storage: SnapshotStorage) -> None:
    await Tokens({}, saga_id="order_1", snapshot_storage=storage).execute()
    (entry,) = await blame(storage, "order_1", "issue")
    assert (entry.step_name, entry.value, entry.kind) == ("issue", 1, "before_step")


async def test_a_limit_keeps_the_latest(storage: SnapshotStorage) -> None:
    await record(storage, [{"n": n} for n in range(10)])
    assert [entry.value for entry in await blame(storage, "order_1", "n", limit=2)] == [9, 8]


async def test_a_key_that_never_was_has_no_history(storage: SnapshotStorage) -> None:
    await record(storage, [{"n": 1}])
    assert await blame(storage, "order_1", "m") == []
    with pytest.raises(SagaNotFoundError):
        await blame(storage, "nobody", "n")


async def test_changes_far_apart_are_read_without_what_lies_between(
    storage: SnapshotStorage,
) -> None:
    states = [{"rare": n // 300, "often": n} for n in range(601)]
    await record(storage, states)
    entries = await blame(storage, "order_1", "rare")
    assert [(entry.sequence, entry.value) for entry in entries] == [(601, 2), (301, 1), (1, 0)]


async def test_a_deleted_checkpoints_value_is_told_with_the_next_one(
    storage: SnapshotStorage,
) -> None:
    saved = await record(storage, [{"n": 1}, {"n": 2}, {"n": 2}, {"n": 3}, {"n": 4}, {"n": 4}])
    for gone in (2, 4, 5):
        await storage.delete_snapshot(saved[gone - 1].snapshot_id)
    entries = await blame(storage, "order_1", "n")
    assert [(entry.sequence, entry.value) for entry in entries] == [(6, 4), (3, 2), (1, 1)]


class CountingBackend(MemoryBackend):
    """Counts the bodies that are read."""

    bodies_read = 0

    async def entries(self, *args: Any, bodies: bool = True, **how: Any) -> list[EntryRow]:
        found = await super().entries(*args, bodies=bodies, **how)
        self.bodies_read += len(found) if bodies else 0
        return found


async def test_a_key_changed_two_thousand_times_is_read_in_one_pass() -> None:
    backend = CountingBackend()
    storage = SnapshotStorage(backend)
    await record(storage, [{"n": n} for n in range(2_000)])
    backend.bodies_read = 0
    entries = await blame(storage, "order_1", "n")
    assert [entry.value for entry in entries] == list(range(1_999, -1, -1))
    assert backend.bodies_read <= 2_000


# ---------------------------------------------------------------- damage


async def recorded_and_damaged(path: Path, states: Sequence[Any], where: str) -> SnapshotStorage:
    async with SQLiteSnapshotStorage(path) as storage:
        await record(storage, states)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE entry SET body = x'00ff00' WHERE {where}")
    return SQLiteSnapshotStorage(path, read_only=True)


async def test_with_every_body_damaged_it_still_says_who_and_when(tmp_path: Path) -> None:
    states = [{"n": n} for n in range(600)]
    async with await recorded_and_damaged(tmp_path / "orders.db", states, "1") as storage:
        entries = await blame(storage, "order_1", "n")
    assert [entry.sequence for entry in entries] == list(range(600, 0, -1))
    assert all(isinstance(entry.value, Unreadable) for entry in entries)
    assert entries[0].created_at == minute(600)


async def test_damage_hides_no_more_values_than_it_must(tmp_path: Path) -> None:
    states = [{"n": n} for n in range(600)]
    async with await recorded_and_damaged(
        tmp_path / "orders.db", states, "seq BETWEEN 30 AND 33"
    ) as storage:
        entries = await blame(storage, "order_1", "n")
        keyframes = [
            row.seq
            for row in await storage.backend.entries("order_1", 1, 600)
            if row.keyframe == row.seq
        ]
    values = {entry.sequence: entry.value for entry in entries}
    next_keyframe = min(seq for seq in keyframes if seq > 33)
    for sequence, value in values.items():
        assert isinstance(value, Unreadable) == (30 <= sequence < next_keyframe), sequence
