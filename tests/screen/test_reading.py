"""Reading in the background, from a store that fails to answer now and then."""

from __future__ import annotations

import asyncio

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.debugger import reading
from sagaz_tui.debugger.moment import Moment
from sagaz_tui.debugger.reading import MomentReader, Silence, Watch
from sagaz_tui.debugger.session import SagaSession
from tests.screen.recorded import order_snapshots


async def test_a_moment_that_could_not_be_read_is_read_again_without_being_wished_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_RETRY_FIRST", 0.01)
    storage = InMemorySnapshotStorage()
    for snapshot in order_snapshots():
        await storage.save_snapshot(snapshot)
    session = SagaSession(storage, "order_1")
    await session.refresh()
    read, failures, found = session.moment, 0, asyncio.get_running_loop().create_future()

    async def fail_twice(sequence: int) -> Moment:
        nonlocal failures
        if failures < 2:
            failures += 1
            raise StorageUnavailableError("the store is away; try again")
        return await read(sequence)

    monkeypatch.setattr(session, "moment", fail_twice)
    reader = MomentReader(session, found.set_result)
    running = asyncio.create_task(reader.run())
    reader.want(2)
    assert await asyncio.wait_for(found, 5) == 2
    assert failures == 2
    running.cancel()


async def test_a_watch_that_is_left_while_its_store_is_away_says_later_that_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = InMemorySnapshotStorage()
    for snapshot in order_snapshots():
        await storage.save_snapshot(snapshot)
    told: asyncio.Queue[Silence | None] = asyncio.Queue()
    watch = Watch(
        storage,
        SagaSession(storage, "order_1"),
        changed=lambda: None,
        missing=lambda: None,
        stale=told.put_nowait,
    )

    async def away(cursor: int | None, timeout: float) -> int:
        raise StorageUnavailableError("the store is away; try again")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "wait", away)
        watching = asyncio.create_task(watch.run())
        silence = await asyncio.wait_for(told.get(), 5)
        assert silence is not None
        assert silence.since == 0
        watching.cancel()
    watching = asyncio.create_task(watch.run())
    assert await asyncio.wait_for(told.get(), 5) is None
    watching.cancel()
