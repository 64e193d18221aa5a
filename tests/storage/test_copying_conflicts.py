"""What is something else at the target stays as it is, and is told by name."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import copy_sagas
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import snapshot
from tests.storage.families import everything, record, replay
from tests.storage.kinds import Stores


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


async def test_a_family_that_is_recovered_no_more_is_not_so_at_the_target(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", outcome="failed")
    await replay(source, "a", 1)
    await copy_sagas(source, target)
    lease = await source.acquire_lease("a", owner="me", holder="a~r2")
    await source.backend.release("a", fence=lease.fence, undone=True)
    await copy_sagas(source, target)
    saga = await target.get_saga("a")
    assert saga is not None
    assert saga.recovered_by is None


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
    await source.save_replay_log(dataclasses.replace(entry, outcome="running", finished_at=None))
    assert (await copy_sagas(source, target)).complete
    await source.save_replay_log(entry)
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
