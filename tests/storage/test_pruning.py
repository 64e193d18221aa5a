"""What has been kept long enough goes, all of it and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sagaz_core.errors import ReadOnlyStoreError, UsageError
from sagaz_core.model import utc_now
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.storage.families import everything, record, replay
from tests.storage.kinds import Stores

SOON = utc_now() + timedelta(days=1)
LATER = SOON + timedelta(days=30)
BETWEEN = SOON + timedelta(hours=1)


@pytest.fixture
def storage(any_storage: SnapshotStorage) -> SnapshotStorage:
    return any_storage


async def test_expired_sagas_go_and_the_others_stay_as_they_were(storage: SnapshotStorage) -> None:
    await record(storage, "old", until=SOON, tags={"a": "1"})
    await record(storage, "new", until=LATER)
    await record(storage, "for ever", until=None)
    before = await everything(storage)
    report = await storage.prune(BETWEEN)
    assert (report.sagas, report.checkpoints, report.leftovers) == (1, 4, 0)
    del before["old"]
    assert await everything(storage) == before
    assert await storage.get_family("old") is None
    assert (await storage.list_sagas(tags={"a": "1"})).sagas == []


async def test_a_dry_run_tells_the_same_and_removes_nothing(storage: SnapshotStorage) -> None:
    await record(storage, "old", outcome="failed", until=SOON)
    await replay(storage, "old", until=SOON)
    before = await everything(storage)
    told = await storage.prune(BETWEEN, dry_run=True)
    assert told.dry_run
    assert await everything(storage) == before
    done = await storage.prune(BETWEEN)
    assert (told.sagas, told.checkpoints, told.leftovers) == (
        done.sagas,
        done.checkpoints,
        done.leftovers,
    )
    assert (done.sagas, done.checkpoints, done.leftovers) == (2, 6, 1)
    assert await everything(storage) == {}
    assert await storage.list_replays() == []
    again = await storage.prune(BETWEEN)
    assert (again.sagas, again.checkpoints, again.leftovers) == (0, 0, 0)


async def test_an_expired_saga_in_whose_family_a_run_is_alive_is_kept(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "old", outcome="failed", until=SOON)
    await replay(storage, "old", until=SOON)
    lease = await storage.acquire_lease("old", owner="me", holder="old~r2")
    for dry_run in (True, False):
        kept = await storage.prune(BETWEEN, dry_run=dry_run)
        # A server lets go of a replay's line at its time by itself.
        assert (kept.sagas, kept.leftovers) == (0, int(storage.backend.expires_by_itself))
    assert len(await storage.list_replays("old")) == 1 - kept.leftovers
    await lease.release()
    assert (await storage.prune(BETWEEN)).sagas == 2
    assert await storage.list_replays() == []


@pytest.mark.parametrize(("original", "replayed"), [(SOON, LATER), (LATER, SOON)])
async def test_the_log_of_a_replay_is_kept_as_long_as_the_later_of_its_sagas(
    storage: SnapshotStorage, original: datetime, replayed: datetime
) -> None:
    await record(storage, "a", outcome="failed", until=original)
    await replay(storage, "a", until=replayed)
    assert (await storage.prune(BETWEEN)).sagas == 1
    assert len(await storage.list_replays()) == 1
    assert (await storage.prune(LATER)).sagas == 1
    assert await storage.list_replays() == []


async def test_the_log_of_sagas_that_never_expire_is_never_pruned(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "a", outcome="failed", until=None)
    await replay(storage, "a", until=SOON)
    await storage.prune(LATER + timedelta(days=1000))
    assert len(await storage.list_replays("a")) == 1


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_lease_of_which_no_saga_came_is_a_leftover_once_it_has_lapsed(
    stores: Stores, kind: str
) -> None:
    async with stores(kind) as storage:
        lease = await storage.acquire_lease("nothing", owner="me", holder="nothing")
        assert (await storage.prune()).leftovers == 0
        await lease.release()
        assert (await storage.prune(dry_run=True)).leftovers == 1
        assert (await storage.prune()).leftovers == 1
        assert await storage.get_family("nothing") is None


async def test_hundreds_of_sagas_go_in_several_transactions(tmp_path: Path) -> None:
    async with InMemorySnapshotStorage() as storage:
        for number in range(450):
            await record(storage, f"s{number}", steps=1, until=SOON)
        deletions: list[int] = []
        delete = storage.backend.delete

        async def counting(saga_ids: list[str]) -> int:
            deletions.append(len(saga_ids))
            return await delete(saga_ids)

        storage.backend.delete = counting  # type: ignore[method-assign, assignment]
        report = await storage.prune(BETWEEN)
    assert (report.sagas, report.checkpoints) == (450, 900)
    assert deletions == [200, 200, 50]


async def test_a_run_that_starts_while_it_prunes_keeps_its_saga(storage: SnapshotStorage) -> None:
    await record(storage, "old", outcome="failed", until=SOON)
    expired = storage.backend.expired

    async def and_then_one_starts(now: int) -> list[str]:
        found = await expired(now)
        await storage.acquire_lease("old", owner="me", holder="old~r1")
        return found

    storage.backend.expired = and_then_one_starts  # type: ignore[method-assign]
    assert (await storage.prune(BETWEEN)).sagas == 0
    assert await storage.get_saga("old") is not None


async def test_rows_that_belong_to_no_saga_go(tmp_path: Path) -> None:
    path = tmp_path / "orphans.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await record(storage, "a", tags={"x": "1"})
        await record(storage, "b")
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("DELETE FROM saga WHERE id = 'a'")
        told = await storage.prune(dry_run=True)
        done = await storage.prune()
        assert told.leftovers == done.leftovers > 4
        with closing(sqlite3.connect(path)) as db:
            for table in ("entry", "touch", "tag"):
                (left,) = db.execute(f"SELECT count(*) FROM {table} WHERE saga = 1").fetchone()
                assert left == 0
        assert set(await everything(storage)) == {"b"}


async def test_a_store_opened_to_look_prunes_nothing_but_tells_what_would_go(
    tmp_path: Path,
) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "kept.db") as storage:
        await record(storage, "old", until=SOON)
    async with SQLiteSnapshotStorage(tmp_path / "kept.db", read_only=True) as looking:
        assert (await looking.prune(BETWEEN, dry_run=True)).sagas == 1
        with pytest.raises(ReadOnlyStoreError):
            await looking.prune(BETWEEN)


async def test_a_time_without_a_zone_is_refused(storage: SnapshotStorage) -> None:
    with pytest.raises(UsageError, match="now needs a time zone"):
        await storage.prune(datetime(2030, 1, 1))
