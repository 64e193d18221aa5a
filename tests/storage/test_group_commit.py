"""Saves that wait at the same time share a commit, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from sagaz_core.errors import (
    HeadConflictError,
    LeaseLostError,
    StorageError,
    StorageUnavailableError,
)
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.capture import Capture, capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing import StorageContract


def taken(saga_id: str, number: int = 0) -> Capture:
    return capture(SagaSnapshot(saga_id=saga_id, saga_name="S", context={"n": number}))


class CountingSQLite(SQLiteBackend):
    """Counts its transactions."""

    commits = 0

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        self.commits += 1
        return await super().append(appends)


async def test_fifty_savers_make_few_commits_and_a_fenced_one_fails_alone(tmp_path: Path) -> None:
    backend = CountingSQLite(tmp_path / "s.db")
    async with SnapshotStorage(backend) as storage:
        writers = [storage.writer(saga_id=f"s{number}", saga_name="S") for number in range(49)]
        fenced = storage.writer(saga_id="fenced", saga_name="S", fence=7)
        outcomes = await asyncio.gather(
            *(writer.append(taken(writer.saga_id)) for writer in [*writers, fenced]),
            return_exceptions=True,
        )
        assert outcomes[:49] == [1] * 49
        assert isinstance(outcomes[49], LeaseLostError)
        assert backend.commits < 10
        assert await storage.get_saga("fenced") is None
        assert len(await storage.list_snapshots()) == 49


async def test_a_save_is_acknowledged_only_when_another_process_could_read_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    storage = SnapshotStorage(SQLiteBackend(path))
    await storage.open()
    other = SnapshotStorage(SQLiteBackend(path), read_only=True)
    async with storage, other:
        for number in range(1, 20):
            await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))
            row = await other.get_saga("s")
            assert row is not None
            assert row.checkpoints == number


class SlowMemory(MemoryBackend):
    """Holds every write back until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.gate = asyncio.Event()

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        self.began.set()
        await self.gate.wait()
        return await super().append(appends)


async def test_a_writer_whose_save_was_cancelled_learns_that_it_was_stored() -> None:
    backend = SlowMemory()
    storage = SnapshotStorage(backend)
    writer = storage.writer(saga_id="s", saga_name="S")
    save = asyncio.ensure_future(writer.append(taken("s", 1)))
    await backend.began.wait()
    save.cancel()
    with pytest.raises(asyncio.CancelledError):
        await save
    following = asyncio.ensure_future(writer.append(taken("s", 2)))
    backend.gate.set()
    assert await following == 2
    assert [each.context["n"] for each in await storage.list_snapshots("s")] == [2, 1]


async def test_a_save_cancelled_before_it_began_takes_nobody_else_along() -> None:
    backend = SlowMemory()
    storage = SnapshotStorage(backend)
    writers = [storage.writer(saga_id=f"s{number}", saga_name="S") for number in range(5)]
    saves = [asyncio.ensure_future(writer.append(taken(writer.saga_id))) for writer in writers]
    await backend.began.wait()
    saves[0].cancel()
    saves[4].cancel()
    backend.gate.set()
    outcomes = await asyncio.gather(*saves, return_exceptions=True)
    assert outcomes[1:4] == [1, 1, 1]
    assert await writers[0].append(taken("s0", 1)) == 2


async def pragma(backend: SQLiteBackend, words: str) -> int:
    found: int = await backend._file.run(lambda db: db.execute(f"PRAGMA {words}").fetchone()[0])
    return found


async def test_after_a_full_disk_the_writer_reads_the_head_again(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path / "s.db")
    async with SnapshotStorage(backend) as storage:
        writer = storage.writer(saga_id="s", saga_name="S")
        await writer.append(taken("s", 1))
        pages = await pragma(backend, "page_count")
        await pragma(backend, f"max_page_count = {pages}")
        big = capture(
            SagaSnapshot(saga_id="s", saga_name="S", context={"big": list(range(50_000))})
        )
        with pytest.raises(StorageUnavailableError, match="disk is full"):
            await writer.append(big)
        await pragma(backend, f"max_page_count = {pages + 1000}")
        assert await writer.append(big) == 2
        assert await writer.append(taken("s", 3)) == 3
        assert (await storage.get_checkpoint("s", 2)).context["big"][-1] == 49_999


class LosesAnswers(MemoryBackend):
    """Stores what it is given and then says that it could not, when told to."""

    lose = False

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await super().append(appends)
        if self.lose:
            raise StorageUnavailableError("the answer was lost")
        return outcomes


async def test_the_same_snapshot_after_a_lost_answer_gets_the_number_it_has() -> None:
    backend = LosesAnswers()
    storage = SnapshotStorage(backend)
    writer = storage.writer(saga_id="s", saga_name="S")
    await writer.append(taken("s", 1))
    lost = taken("s", 2)
    backend.lose = True
    with pytest.raises(StorageUnavailableError):
        await writer.append(lost)
    backend.lose = False
    assert await writer.append(lost) == 2
    assert await writer.append(taken("s", 3)) == 3
    assert [each.context["n"] for each in await storage.list_snapshots("s")] == [3, 2, 1]


def test_one_storage_serves_several_event_loops(tmp_path: Path) -> None:
    storage = SnapshotStorage(SQLiteBackend(tmp_path / "s.db"))

    async def save_some(count: int) -> None:
        await asyncio.gather(
            *(
                storage.save_snapshot(SagaSnapshot(saga_id=f"s{number}", saga_name="S"))
                for number in range(count)
                for _ in range(3)
            )
        )

    async def count() -> int:
        found = sum([summary.checkpoints for summary in (await storage.list_sagas()).sagas])
        await storage.close()
        return found

    asyncio.run(save_some(10))
    asyncio.run(save_some(10))
    assert asyncio.run(count()) == 60


def test_a_loop_that_ends_in_the_middle_of_a_write_leaves_the_store_to_the_next(
    tmp_path: Path,
) -> None:
    storage = SnapshotStorage(SQLiteBackend(tmp_path / "s.db"))
    asyncio.run(storage.open())
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def save_in_vain() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await storage.save_snapshot(SagaSnapshot(saga_id="a", saga_name="S"))

    async def save() -> int:
        async with asyncio.timeout(5):
            return await storage.save_snapshot(SagaSnapshot(saga_id="b", saga_name="S"))

    asyncio.run(save_in_vain())
    other.execute("ROLLBACK")
    time.sleep(0.2)
    assert asyncio.run(save()) == 1
    asyncio.run(storage.close())
    other.close()


async def test_what_the_driver_cannot_write_fails_alone(tmp_path: Path) -> None:
    async with SnapshotStorage(SQLiteBackend(tmp_path / "s.db")) as storage:
        outcomes = await asyncio.gather(
            *(
                storage.save_snapshot(SagaSnapshot(saga_id=f"s{n}", saga_name=name))
                for n, name in enumerate(["A", "B", "\udcff", "C"])
            ),
            return_exceptions=True,
        )
        assert outcomes[:2] + outcomes[3:] == [1, 1, 1]
        assert isinstance(outcomes[2], StorageError)


async def test_a_new_run_under_a_taken_id_is_refused(tmp_path: Path) -> None:
    async with SnapshotStorage(SQLiteBackend(tmp_path / "s.db")) as storage:
        first = storage.writer(saga_id="s", saga_name="S", claim=True)
        await first.append(taken("s"))
        again = storage.writer(saga_id="s", saga_name="S", claim=True)
        with pytest.raises(HeadConflictError, match="id of its own"):
            await again.append(taken("s"))


class ForgetsTheFence(MemoryBackend):
    """Broken on purpose."""

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        return await super().append([append._replace(fence=None) for append in appends])


class ForgetsTheHead(MemoryBackend):
    """Broken on purpose: writes over what another has written."""

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = []
        for append in appends:
            row = await self.saga(append.saga.saga_id)
            [outcome] = await super().append(
                [append._replace(expected_head=row.head if row else 0)]
            )
            outcomes.append(outcome)
        return outcomes


async def test_a_backend_that_forgets_the_fence_fails_the_contract() -> None:
    contract = StorageContract()
    await contract.test_a_stale_fence_is_refused(SnapshotStorage(MemoryBackend()))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await contract.test_a_stale_fence_is_refused(SnapshotStorage(ForgetsTheFence()))
    with pytest.raises(AssertionError):
        await contract.test_one_refusal_fails_none_of_its_group(SnapshotStorage(ForgetsTheFence()))


async def test_a_backend_that_forgets_the_head_fails_the_contract() -> None:
    contract = StorageContract()
    await contract.test_of_two_writers_one_wins_and_the_other_hears_of_it(
        SnapshotStorage(MemoryBackend())
    )
    with pytest.raises((pytest.fail.Exception, AssertionError)):
        await contract.test_of_two_writers_one_wins_and_the_other_hears_of_it(
            SnapshotStorage(ForgetsTheHead())
        )
