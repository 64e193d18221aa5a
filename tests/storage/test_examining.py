"""An examination finds what is wrong with a store, names it, and changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sagaz_core import examine_store
from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.backends.rows import Append, Finding, SagaPage, SagaQuery
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, snapshot
from tests.storage.families import record, replay


@pytest.fixture(autouse=True)
def files_of_ones_own() -> Iterator[None]:
    """Make files that only their owner can read: of others there is a word to say."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[SnapshotStorage]:
    async with SQLiteSnapshotStorage(path) as storage:
        await record(storage, "a", steps=20, size=500)
        await record(storage, "b", outcome="failed")
        await replay(storage, "b")
        yield storage


def change(path: Path, sql: str, *parameters: object) -> None:
    """Do to the file what only another program would."""
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(sql, parameters).rowcount


async def wrong(storage: SnapshotStorage, *, deep: bool = False) -> list[Finding]:
    """Return the findings that are not about the machine that the tests run on."""
    return [
        finding
        for finding in await examine_store(storage, deep=deep)
        if finding.level != "ok" and not finding.what.startswith(("SQLite 3.", "the disk has"))
    ]


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == "error"]


@pytest.mark.parametrize("deep", [False, True])
async def test_nothing_is_wrong_with_a_sound_store(storage: SnapshotStorage, deep: bool) -> None:
    await storage.delete_snapshot((await storage.list_checkpoints("a"))[0].snapshot_id)
    assert await wrong(storage, deep=deep) == []
    told = [finding.what for finding in await examine_store(storage, deep=deep)]
    assert "of 3 sagas all checkpoints are where they belong" in told
    assert "27 checkpoints can be decoded" in " ".join(told)


@pytest.mark.parametrize("deep", [False, True])
async def test_a_sound_store_of_each_kind_is_told_sound(
    any_storage: SnapshotStorage, deep: bool
) -> None:
    assert errors(await examine_store(any_storage, deep=deep)) == []
    await record(any_storage, "a", tags={"x": "1"})
    await record(any_storage, "b", outcome="failed")
    await replay(any_storage, "b")
    await any_storage.delete_snapshot((await any_storage.list_checkpoints("a"))[0].snapshot_id)
    assert errors(await examine_store(any_storage, deep=deep)) == []


async def test_it_changes_no_byte(storage: SnapshotStorage, path: Path) -> None:
    await storage.close()
    before = path.read_bytes()
    async with SQLiteSnapshotStorage(path, read_only=True) as looking:
        await examine_store(looking, deep=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DELETE FROM entry WHERE saga = 1 AND seq = 5", "a #5 is missing"),
        ("DELETE FROM entry WHERE saga = 1 AND seq = 21", "a #21 is missing"),
        ("UPDATE saga SET head = 25 WHERE pk = 1", "a #22 is missing"),
        ("UPDATE saga SET keyframe = 2 WHERE pk = 1", "is its last keyframe, not #2"),
        ("UPDATE entry SET keyframe = 2 WHERE saga = 1 AND seq = 3", "a #3 stands on #2, not #1"),
    ],
)
async def test_a_checkpoint_out_of_its_place_is_an_error(
    storage: SnapshotStorage, path: Path, sql: str, what: str
) -> None:
    change(path, sql)
    found = await wrong(storage)
    assert found[0].level == "error"
    assert found[0].what.startswith("1 sagas whose checkpoints are not all where they belong: a #")
    assert what in found[0].what
    assert "sagaz copy" in found[0].advice


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE entry SET body = x'00' WHERE saga = 1 AND seq = 1", "a #1: it cannot be decoded"),
        ("UPDATE entry SET body = x'0900000000' WHERE saga = 1 AND seq = 5", "it has the form 9"),
        ("UPDATE entry SET meta = x'09' WHERE saga = 1 AND seq = 5", "it has the form 9"),
        (
            "UPDATE entry SET body = CAST(substr(body, 1, 4) || x'ff' || substr(body, 6) AS BLOB) "
            "WHERE saga = 1 AND seq = 7",
            "a #7: it cannot be decoded: its checksum does not match",
        ),
    ],
)
async def test_a_checkpoint_that_cannot_be_decoded_is_an_error(
    storage: SnapshotStorage, path: Path, sql: str, what: str
) -> None:
    change(path, sql)
    (found,) = await wrong(storage)
    assert found.level == "error"
    assert what in found.what
    assert found.what.count("a #") == 1


async def test_only_a_deep_look_decodes_all_of_the_sagas_that_changed_long_ago(
    storage: SnapshotStorage, path: Path
) -> None:
    for number in range(100):
        await record(storage, f"later{number}", steps=1, start=3600 + number)
    change(path, "UPDATE entry SET body = x'0100000000' WHERE saga = 1 AND seq = 2")
    assert await wrong(storage) == []
    assert [finding.level for finding in await wrong(storage, deep=True)] == ["error"]
    change(path, "UPDATE entry SET body = x'0200000000' WHERE saga = 1 AND seq = 1")
    assert [finding.level for finding in await wrong(storage)] == ["error"]


async def test_interrupted_sagas_are_told(storage: SnapshotStorage) -> None:
    dead = storage.writer(saga_id="dead", saga_name="S", fence=1, claim=True, owner="x", term=0)
    await dead.append(capture(snapshot("dead")))
    (found,) = await wrong(storage)
    assert found.level == "warning"
    assert found.what == "1 sagas that were interrupted, since their process died: dead"
    assert "--status interrupted" in found.advice


async def test_a_lease_is_stuck_where_its_run_has_ended_or_holds_it_for_days(
    storage: SnapshotStorage,
) -> None:
    await storage.acquire_lease("a", owner="x", holder="a")
    await storage.acquire_lease("b", owner="x", holder="b~r2")
    going = storage.writer(
        saga_id="c", saga_name="S", fence=1, claim=True, owner="x", term=86_400.0
    )
    await going.append(capture(snapshot("c")))
    healthy = storage.writer(saga_id="d", saga_name="S", fence=1, claim=True, owner="x")
    await healthy.append(capture(snapshot("d")))
    (found,) = await wrong(storage)
    assert found.level == "warning"
    assert found.what.startswith("2 families whose lease is stuck")
    assert sorted(found.what.rpartition(": ")[2].split(", ")) == ["a", "c"]


async def test_expired_sagas_are_told(storage: SnapshotStorage) -> None:
    await record(storage, "old", until=T0 + timedelta(days=1))
    (found,) = await wrong(storage)
    assert found == Finding(
        "warning", "1 sagas whose retention has ended: old", "`sagaz prune` removes them"
    )


async def test_of_many_only_a_few_are_named(storage: SnapshotStorage) -> None:
    for number in range(9):
        await record(storage, f"old{number}", steps=1, until=T0 + timedelta(days=1))
    (found,) = await wrong(storage)
    assert found.what.startswith("9 sagas")
    assert found.what.endswith(", …")
    assert found.what.count("old") == 5


async def test_a_saga_that_is_pruned_meanwhile_is_not_called_damaged() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, "a")
        sagas = storage.backend.sagas

        async def and_prune(query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
            page = await sagas(query, cursor=cursor, limit=limit)
            if page.rows:
                await storage.backend.delete(["a"])
            return page

        storage.backend.sagas = and_prune  # type: ignore[method-assign]
        assert await wrong(storage) == []


async def test_a_saga_that_goes_on_meanwhile_is_not_called_damaged() -> None:
    async with InMemorySnapshotStorage() as storage:
        writer = storage.writer(saga_id="a", saga_name="S", fence=1, claim=True, owner="x")
        await writer.append(capture(snapshot("a")))
        sagas = storage.backend.sagas

        async def and_write(query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
            page = await sagas(query, cursor=cursor, limit=limit)
            await writer.append(capture(snapshot("a")))
            return page

        storage.backend.sagas = and_write  # type: ignore[method-assign]
        assert await wrong(storage, deep=True) == []


async def test_a_store_that_fails_on_the_way_is_told_with_what_was_found_before() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, "a")
        row = await storage.backend.saga("a")
        assert row is not None
        await storage.backend.append([Append(row._replace(keyframe=9), row.head, None)])

        async def fail(now: int) -> list[str]:
            raise StorageUnavailableError("the server is gone")

        storage.backend.expired = fail  # type: ignore[method-assign]
        found = await wrong(storage)
    assert [finding.level for finding in found] == ["error", "error"]
    assert found[0].what == "reading its sagas broke off: the server is gone"


async def test_progress_is_told_saga_by_saga(storage: SnapshotStorage) -> None:
    told: list[tuple[int, int]] = []
    await examine_store(storage, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
