"""A copy holds what the original holds, and nothing that was there before is written over."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import copy_sagas
from sagaz_core.errors import (
    ReadOnlyStoreError,
    StorageUnavailableError,
    UsageError,
)
from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.backends.base import Append, Outcome, SagaPage, SagaQuery
from sagaz_core.storage.capture import capture
from sagaz_core.storage.copying import CopyProgress
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, snapshot
from tests.storage.families import everything, record, replay
from tests.storage.kinds import Stores


@pytest.fixture(params=["memory to sqlite", "sqlite to redis", "redis to memory"])
def kinds(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Every kind once as the source and once as the target."""
    source, _, target = request.param.partition(" to ")
    return source, target


@pytest.fixture
async def source(kinds: tuple[str, str], stores: Stores) -> AsyncIterator[SnapshotStorage]:
    async with stores(kinds[0], "source") as storage:
        yield storage


@pytest.fixture
async def target(kinds: tuple[str, str], stores: Stores) -> AsyncIterator[SnapshotStorage]:
    async with stores(kinds[1], "target") as storage:
        yield storage


async def fill(storage: SnapshotStorage) -> None:
    await record(storage, "plain", tags={"order_id": "8841"})
    await record(storage, "failed", outcome="failed")
    await record(storage, "replayed", outcome="failed")
    await replay(storage, "replayed", 1, succeeds=False)
    await replay(storage, "replayed", 2)
    await record(storage, "long", steps=300, size=3000, until=None)
    hidden = (await storage.list_checkpoints("failed"))[1]
    await storage.delete_snapshot(hidden.snapshot_id)
    await storage.save_snapshot(snapshot("of another engine", context={"a": 1}))


async def test_everything_is_at_the_target_as_it_was(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await fill(source)
    report = await copy_sagas(source, target)
    assert await everything(target) == await everything(source)
    assert (report.sagas, report.copied, report.conflicts) == (7, 7, ())
    assert report.checkpoints == report.verified == 4 + 4 + 4 + 2 + 2 + 301 + 1
    assert report.documents == 2
    assert report.complete


async def test_a_second_copy_changes_nothing(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await fill(source)
    first = await copy_sagas(source, target)
    before = await everything(target)
    report = await copy_sagas(source, target)
    assert (report.unchanged, report.copied, report.continued) == (7, 0, 0)
    assert (report.checkpoints, report.documents) == (0, 0)
    assert report.verified == first.checkpoints
    assert await everything(target) == before


async def test_only_matching_sagas_are_copied_but_with_their_whole_families(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await fill(source)
    await copy_sagas(source, target, tags={"order_id": "8841"})
    assert set(await everything(target)) == {"plain"}
    report = await copy_sagas(source, target, status="completed", prefix="replayed")
    assert set(await everything(target)) == {"plain", "replayed", "replayed~r1", "replayed~r2"}
    assert report.copied == 3


async def test_a_running_saga_is_copied_as_far_as_it_is_and_continued_later(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    writer = source.writer(saga_id="a", saga_name="S", fence=1, claim=True, owner="x")
    await writer.append(capture(snapshot("a", "first")))
    report = await copy_sagas(source, target)
    assert (report.running, report.copied) == (("a",), 1)
    there = await target.get_saga("a")
    assert there is not None
    assert (there.status, there.checkpoints) == ("interrupted", 1)

    await writer.append(capture(snapshot("a", "second")))
    await writer.append(
        capture(snapshot("a", "end", kind="completed", status="completed")), release=True
    )
    report = await copy_sagas(source, target)
    assert (report.running, report.continued, report.checkpoints) == ((), 1, 2)
    assert await everything(target) == await everything(source)


async def test_a_run_that_ended_without_a_checkpoint_has_ended_at_the_target_too(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    writer = source.writer(saga_id="a", saga_name="S", fence=1, claim=True, owner="x")
    await writer.append(capture(snapshot("a")))
    await copy_sagas(source, target)
    await writer.finish("completed", "none")
    report = await copy_sagas(source, target)
    assert report.continued == 1
    assert await everything(target) == await everything(source)


async def test_a_replay_made_since_is_added_to_its_family(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", outcome="failed")
    await copy_sagas(source, target)
    await replay(source, "a")
    report = await copy_sagas(source, target)
    assert (report.copied, report.unchanged, report.documents) == (1, 1, 1)
    assert await everything(target) == await everything(source)
    page = await target.list_sagas(unsettled=True)
    assert page.sagas == []


async def test_a_checkpoint_deleted_since_is_deleted_at_the_target(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a")
    await copy_sagas(source, target)
    await source.delete_snapshot((await source.list_checkpoints("a"))[1].snapshot_id)
    await copy_sagas(source, target)
    assert await everything(target) == await everything(source)


async def test_a_source_that_is_written_meanwhile_loses_nothing(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    async def run(number: int) -> None:
        for batch in range(5):
            await record(source, f"s{number}_{batch}", steps=5, start=number)

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(run(number))
        await asyncio.sleep(0)
        seen: set[str] = set()
        while len(seen) < 50:
            report = await copy_sagas(source, target)
            assert report.complete, report.conflicts
            seen = set(await everything(target))
    report = await copy_sagas(source, target)
    assert report.complete
    assert await everything(target) == await everything(source)


async def test_a_saga_that_ends_while_it_is_copied_is_copied_once(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        for number in range(20):
            await record(source, f"ended{number}", steps=1)
        writer = source.writer(saga_id="going", saga_name="S", fence=1, claim=True, owner="x")
        await writer.append(capture(snapshot("going")))
        sagas = source.backend.sagas
        asked: list[SagaQuery] = []

        async def and_it_ends(query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
            asked.append(query)
            if query.status == ("completed", "failed") and writer.head == 1:
                await writer.append(
                    capture(snapshot("going", kind="completed", status="completed")), release=True
                )
            return await sagas(query, cursor=cursor, limit=limit)

        source.backend.sagas = and_it_ends  # type: ignore[method-assign]
        report = await copy_sagas(source, target)
        assert (report.sagas, report.copied, report.running) == (21, 21, ())
        assert writer.head == 2
        assert await everything(target) == await everything(source)


# -- conflicts


async def _another_saga(target: SnapshotStorage) -> None:
    await record(target, "b", outcome="failed", start=3600)


async def _other_content(target: SnapshotStorage) -> None:
    await record(target, "b", size=11)


async def _longer(target: SnapshotStorage) -> None:
    writer = target.writer(saga_id="b", saga_name="Order")
    await writer.append(capture(snapshot("b", "later")))


async def _deleted(target: SnapshotStorage) -> None:
    await target.delete_snapshot((await target.list_checkpoints("b"))[0].snapshot_id)


async def _retagged(target: SnapshotStorage) -> None:
    row = await target.backend.saga("b")
    assert row is not None
    await target.backend.append([Append(row, row.head, None, tags=[("more", "1")])])


@pytest.mark.parametrize(
    ("change", "copied_before", "reason"),
    [
        (_another_saga, False, "another saga has this id there"),
        (_other_content, False, "checkpoint 1 is another one there"),
        (_longer, True, "it has 5 checkpoints there, 4 here"),
        (_deleted, True, "checkpoint 1 was deleted there"),
        (_retagged, True, "it has other tags there"),
    ],
)
async def test_a_saga_that_is_something_else_there_stays_and_the_rest_is_copied(
    source: SnapshotStorage,
    target: SnapshotStorage,
    change: Callable[[SnapshotStorage], Any],
    copied_before: bool,
    reason: str,
) -> None:
    await record(source, "b")
    if copied_before:
        await copy_sagas(source, target)
    await change(target)
    before = await everything(target)
    await record(source, "a")
    await record(source, "c")
    report = await copy_sagas(source, target)
    assert [(each.saga_id, each.reason) for each in report.conflicts] == [("b", reason)]
    assert not report.complete
    after = await everything(target)
    assert after["b"] == before["b"]
    assert set(after) == {"a", "b", "c"}


async def test_a_family_replayed_at_both_ends_is_a_conflict(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", outcome="failed")
    await copy_sagas(source, target)
    await replay(target, "a", 7)
    before = await everything(target)
    await replay(source, "a", 1, succeeds=False)
    report = await copy_sagas(source, target)
    assert [(each.saga_id, each.reason) for each in report.conflicts] == [
        ("a", "it was replayed at the target, as a~r7")
    ]
    after = await everything(target)
    assert after["a"][0].recovered_by == before["a"][0].recovered_by == "a~r7"


async def test_a_saga_that_runs_at_the_target_is_left_alone(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", steps=2, outcome="executing")
    await copy_sagas(source, target)
    row = await source.backend.saga("a")
    assert row is not None
    await source.backend.append([Append(row._replace(status="failed"), row.head, None)])
    await target.acquire_lease("a", owner="me", holder="a")
    report = await copy_sagas(source, target)
    assert [each.reason for each in report.conflicts] == ["it is running there"]


async def test_a_saga_that_ended_differently_at_the_target_is_left_alone(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", steps=2, outcome="executing")
    await copy_sagas(source, target)
    row = await target.backend.saga("a")
    assert row is not None
    changed = row._replace(status="failed", updated=row.updated + 1)
    await target.backend.append([Append(changed, row.head, None)])
    report = await copy_sagas(source, target)
    assert [each.reason for each in report.conflicts] == ["it has changed there since"]


async def test_a_replay_of_which_the_target_tells_otherwise_is_a_conflict(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", outcome="failed")
    replay_id = await replay(source, "a")
    entry = await source.get_replay_log(replay_id)
    assert entry is not None
    theirs = dataclasses.replace(entry, initiated_by="eve@host")
    await target.save_replay_log(theirs)
    report = await copy_sagas(source, target)
    assert [(each.saga_id, each.reason) for each in report.conflicts] == [
        (replay_id, "the replay log of the target tells something else of it")
    ]
    assert await target.get_replay_log(replay_id) == theirs


async def test_the_log_of_a_replay_that_was_running_is_brought_up_to_date(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", outcome="failed")
    replay_id = await replay(source, "a")
    entry = await source.get_replay_log(replay_id)
    assert entry is not None
    await target.save_replay_log(dataclasses.replace(entry, outcome="running", finished_at=None))
    assert (await copy_sagas(source, target)).complete
    assert await target.get_replay_log(replay_id) == entry


async def test_a_checkpoint_that_is_missing_at_the_source_is_told_and_not_papered_over(
    stores: Stores, target: SnapshotStorage, tmp_path: Path
) -> None:
    async with stores("sqlite", "source") as source:
        await record(source, "a")
        await record(source, "b")
        with closing(sqlite3.connect(tmp_path / "source.db")) as db, db:
            db.execute("DELETE FROM entry WHERE seq = 2 AND saga = 1")
        report = await copy_sagas(source, target)
    assert [each.saga_id for each in report.conflicts] == ["a"]
    assert "checkpoint 2 is missing at the source" in report.conflicts[0].reason
    assert "b" in await everything(target)


# -- what goes wrong on the way


class _FailingOnce:
    """Lets a backend's append fail once a number of checkpoints is stored."""

    def __init__(self, storage: SnapshotStorage, after: int) -> None:
        self._append, self._left = storage.backend.append, after
        storage.backend.append = self  # type: ignore[method-assign, assignment]

    async def __call__(self, appends: list[Append]) -> list[Outcome]:
        if self._left <= 0:
            raise StorageUnavailableError("the disk is full")
        self._left -= len(appends)
        return await self._append(appends)


@pytest.mark.parametrize("after", [0, 1, 30, 90])
async def test_a_copy_that_broke_off_goes_on_where_it_was(
    source: SnapshotStorage, target: SnapshotStorage, after: int
) -> None:
    await fill(source)
    working = target.backend.append
    _FailingOnce(target, after)
    with pytest.raises(StorageUnavailableError, match="the disk is full"):
        await copy_sagas(source, target)
    target.backend.append = working  # type: ignore[method-assign]
    there = await target.get_saga("long")
    assert there is None or (there.status == "completed") == (there.checkpoints == 301)
    report = await copy_sagas(source, target)
    assert report.complete
    assert await everything(target) == await everything(source)


def _damaged_body(append: Append) -> Append:
    assert append.entry is not None
    return append._replace(entry=append.entry._replace(body=b"damaged"))


def _lost_touches(append: Append) -> Append:
    return append._replace(touches=())


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_damaged_body, "checkpoint 3 is another one there"),
        (_lost_touches, "checkpoints 1 to 4 changed other keys there"),
    ],
)
async def test_what_reads_back_as_something_else_is_not_called_copied(
    source: SnapshotStorage,
    target: SnapshotStorage,
    damage: Callable[[Append], Append],
    reason: str,
) -> None:
    await record(source, "a")
    working = target.backend.append

    async def damaging(appends: list[Append]) -> list[Outcome]:
        return await working(
            [damage(append) if append.saga.head == 3 else append for append in appends]
        )

    target.backend.append = damaging  # type: ignore[method-assign, assignment]
    report = await copy_sagas(source, target)
    assert [each.reason for each in report.conflicts] == [reason]
    assert report.copied == 0


async def test_expired_sagas_are_left_out_and_counted(
    stores: Stores, target: SnapshotStorage
) -> None:
    async with stores("memory", "source") as source:
        await record(source, "old", until=T0)
        await record(source, "new")
        report = await copy_sagas(source, target)
    assert (report.expired, report.copied) == (1, 1)
    assert set(await everything(target)) == {"new"}


async def test_an_expired_saga_that_is_being_replayed_is_copied(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        await record(source, "old", outcome="failed", until=T0)
        await source.acquire_lease("old", owner="me", holder="old~r1")
        report = await copy_sagas(source, target)
    assert (report.expired, report.copied) == (0, 1)


async def test_what_the_target_cannot_keep_for_so_long_is_a_conflict(
    stores: Stores, tmp_path: Path, redis_url: str
) -> None:
    short = RedisSnapshotStorage(redis_url, key_prefix=f"{tmp_path}:", default_ttl=3600)
    async with stores("memory") as source, short as target:
        await record(source, "for a month")
        await record(source, "for ever", until=None)
        report = await copy_sagas(source, target)
        assert [conflict.saga_id for conflict in report.conflicts] == ["for a month"]
        assert "longer than the store's default_ttl" in report.conflicts[0].reason
        kept = await target.get_saga("for ever")
    assert kept is not None
    assert kept.expires_at is not None


# -- around it


async def test_progress_reaches_the_number_of_sagas(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        for number in range(40):
            await record(source, f"s{number}")
        told: list[CopyProgress] = []
        await copy_sagas(source, target, progress=told.append)
    assert (told[0].done, told[0].total) == (0, 40)
    assert (told[-1].done, told[-1].total, told[-1].checkpoints) == (40, 40, 160)
    assert [each.done for each in told] == sorted(each.done for each in told)


async def test_a_store_is_not_copied_into_itself(stores: Stores, tmp_path: Path) -> None:
    async with stores("sqlite", "one") as source:
        await record(source, "a")
        (tmp_path / "link.db").symlink_to(tmp_path / "one.db")
        for same in (source, stores("sqlite", "one"), SQLiteSnapshotStorage(tmp_path / "link.db")):
            with pytest.raises(UsageError, match="cannot be copied into itself"):
                await copy_sagas(source, same)


async def test_the_target_is_made_and_the_source_never(stores: Stores, tmp_path: Path) -> None:
    missing = SQLiteSnapshotStorage(tmp_path / "missing.db", read_only=True)
    with pytest.raises(StorageUnavailableError, match="no store at"):
        await copy_sagas(missing, stores("sqlite", "new"))
    assert list(tmp_path.iterdir()) == []
    async with stores("memory") as source, stores("sqlite", "new") as target:
        await copy_sagas(source, target)
    assert (tmp_path / "new.db").exists()


async def test_a_target_opened_to_look_is_refused(stores: Stores) -> None:
    async with stores("memory") as source:
        await record(source, "a")
        with pytest.raises(ReadOnlyStoreError):
            await copy_sagas(source, InMemorySnapshotStorage(read_only=True))


async def test_the_source_is_only_read(stores: Stores, tmp_path: Path) -> None:
    async with stores("sqlite", "source") as source:
        await fill(source)
    before = (tmp_path / "source.db").read_bytes()
    looking = SQLiteSnapshotStorage(tmp_path / "source.db", read_only=True)
    async with looking, stores("memory") as target:
        report = await copy_sagas(looking, target)
    assert report.copied == 7
    assert (tmp_path / "source.db").read_bytes() == before
