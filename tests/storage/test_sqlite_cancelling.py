"""Whatever is cancelled, and wherever: nothing is half done, and the file can be used on."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import SnapshotNotFoundError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.backends.sqlite.thread import NAME

SAGAS = 5


def items(saga_id: str, number: int) -> list[str]:
    return [f"{saga_id} {n}" for n in range(number)]


class Busy:
    """Saves and reads that know what must come out of them."""

    def __init__(self, storage: SQLiteSnapshotStorage, chance: random.Random) -> None:
        self.storage = storage
        self.chance = chance
        self.tried = dict.fromkeys((f"s{number}" for number in range(SAGAS)), 0)
        self.acknowledged = dict.fromkeys(self.tried, 0)
        self.finished = 0

    async def save(self) -> None:
        saga_id = self.chance.choice(list(self.tried))
        self.tried[saga_id] += 1
        number = self.tried[saga_id]
        context = {"n": number, "items": items(saga_id, number)}
        sequence = await self.storage.save_snapshot(
            SagaSnapshot(saga_id=saga_id, saga_name="S", context=context)
        )
        self.acknowledged[saga_id] = max(sequence, self.acknowledged[saga_id])
        self.finished += 1

    async def read(self) -> None:
        saga_id = self.chance.choice(list(self.tried))
        acknowledged = self.acknowledged[saga_id]
        try:
            found = await self.storage.get_checkpoint(saga_id, max(acknowledged, 1))
        except LookupError:
            assert acknowledged == 0
            return
        self.check(found)
        self.finished += 1

    async def list(self) -> None:
        saga_id = self.chance.choice(list(self.tried))
        newest = await self.storage.get_latest_snapshot(saga_id)
        timeline = await self.storage.list_checkpoints(saga_id)
        assert len(timeline) >= self.acknowledged[saga_id] - 1
        if newest is not None:
            self.check(newest)
        self.finished += 1

    def check(self, found: SagaSnapshot) -> None:
        number = found.context["n"]
        assert found.context == {"n": number, "items": items(found.saga_id, number)}


async def cancelled_somewhere(work: Awaitable[None], chance: random.Random) -> None:
    """Do some work, and cancel it at a moment of chance, which may come too late."""
    task = asyncio.ensure_future(work)
    if chance.random() < 0.5:
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(chance.random() * 0.004)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


@pytest.mark.parametrize("rounds", [300, pytest.param(5000, marks=pytest.mark.torture)])
async def test_work_cancelled_at_any_moment_leaves_nothing_half_done(
    tmp_path: Path, rounds: int
) -> None:
    path = tmp_path / "s.db"
    chance = random.Random()
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, trouble: troubles.append(trouble))
    async with SQLiteSnapshotStorage(path) as storage:
        busy = Busy(storage, chance)
        kinds: tuple[Callable[[], Awaitable[None]], ...] = (busy.save, busy.save, busy.read)
        for _ in range(rounds):
            works = [chance.choice((*kinds, busy.list))() for _ in range(chance.randrange(1, 6))]
            await asyncio.gather(*(cancelled_somewhere(work, chance) for work in works))
            if chance.random() < 0.1:
                # Nothing is in the way of those that are left alone.
                await asyncio.gather(*(busy.save() for _ in range(5)))
        assert busy.finished > rounds / 10
        backend = storage.backend
        assert isinstance(backend, SQLiteBackend)
        assert not await backend._file.run(lambda db: db.in_transaction)
        for saga_id, acknowledged in busy.acknowledged.items():
            numbers = []
            async for found in storage.iter_checkpoints(saga_id):
                busy.check(found)
                numbers.append(found.context["n"])
            # Each is there once at most, and at least those that were acknowledged.
            assert acknowledged <= len(numbers) <= busy.tried[saga_id]
            assert len(set(numbers)) == len(numbers)
            with pytest.raises(SnapshotNotFoundError):
                await storage.get_checkpoint(saga_id, len(numbers) + 1)
    assert troubles == []
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_an_opening_that_is_cancelled_leaves_no_thread_and_can_be_repeated(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    chance = random.Random()
    before = set(workers())
    for number in range(100):
        storage = SQLiteSnapshotStorage(path, read_only=number > 50 and number % 2 == 0)
        await cancelled_somewhere(storage.open(), chance)
        if number % 3 == 0:
            await asyncio.gather(
                *(cancelled_somewhere(storage.open(), chance) for _ in range(3)),
                cancelled_somewhere(storage.close(), chance),
            )
        if number == 50:
            await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))
        if number > 50:
            assert len(await storage.list_checkpoints("s")) == 1
        await storage.close()
    for thread in set(workers()) - before:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


def test_a_loop_that_ends_while_a_file_is_closed_or_opened_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    before = set(workers())
    path = tmp_path / "s.db"
    go_on = threading.Event()
    storages = []

    async def end_while_closing() -> None:
        storage = SQLiteSnapshotStorage(path)
        await storage.open()
        backend = storage.backend
        assert isinstance(backend, SQLiteBackend)
        begun = threading.Event()
        held = asyncio.ensure_future(
            backend._file.run(lambda db: begun.set() or go_on.wait(30))  # type: ignore[func-returns-value]
        )
        await asyncio.to_thread(begun.wait, 30)
        closing = asyncio.ensure_future(storage.close())
        await asyncio.sleep(0)
        storages.append((storage, held, closing))

    async def end_while_opening(turns: int) -> None:
        storage = SQLiteSnapshotStorage(path)
        opening = asyncio.ensure_future(storage.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        storages.append((storage, opening, opening))

    asyncio.run(end_while_closing())
    go_on.set()
    for turns in range(30):
        asyncio.run(end_while_opening(turns))
    for storage, *_ in storages:
        # Some were open by then.
        asyncio.run(storage.close())
    for thread in set(workers()) - before:
        thread.join(5)
        assert not thread.is_alive()
    assert died == []
