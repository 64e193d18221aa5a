"""Looking at a SQLite store needs no permission to write, changes nothing, and shows what is."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.sqlite import file as sqlite_file
from tests.bound import locked
from tests.storage.looking_process import Looker, looking_at
from tests.storage.writing_process import FIRST, End, written, written_on

NEWEST = f"step_{FIRST}"
LOOKING = {
    ("sagas", "--format", "json"): NEWEST,
    ("show", "s"): NEWEST,
    ("diff", "s", "1", "5"): "1 → 5",
    ("blame", "s", "n"): "#5",
    ("replay", "list-changes", "s"): "#5",
    ("replay", "time-travel", "s", "--at", "2999-01-01T00:00:00Z"): NEWEST,
    ("replay", "history", "s"): "never replayed",
    ("doctor",): "SQLite finds every page and index sound",
    ("prune", "--dry-run"): "0",
}
"""Commands that look, and what each shows of the newest checkpoint."""


def snapshot(saga_id: str = "s", **fields: object) -> SagaSnapshot:
    return SagaSnapshot(saga_id=saga_id, saga_name="S", **fields)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def count_as(looker: Looker) -> int:
    done = looker.ask("count", "s")
    assert done.code == 0, done.err
    return int(done.out)


# ---------------------------------------------------------------- everything that looks, works


@pytest.mark.parametrize(
    ("end", "folder_too"),
    [
        *(pytest.param(end, True, id=f"{end}-in a locked folder") for end in get_args(End)),
        pytest.param("killed", False, id="killed-in an open one"),
        *(
            pytest.param(end, False, id=f"{end}-in an open one", marks=pytest.mark.torture)
            for end in get_args(End)
            if end != "killed"
        ),
    ],
)
def test_whoever_may_only_read_sees_everything_however_the_store_was_left(
    folder: Path, end: End, folder_too: bool
) -> None:
    path = folder / "s.db"
    with written(path, end) as writer, locked(folder, folder_too=folder_too):
        before = path.read_bytes()
        with looking_at(path) as looker:
            refused = looker.ask("write")
            assert refused.err.startswith("ReadOnlyStoreError"), refused
            for arguments, shown in LOOKING.items():
                done = looker.ask(*arguments)
                assert done.code == 0, (arguments, done.err)
                assert shown in done.out + done.err, arguments
            assert count_as(looker) == FIRST
            if end in ("idle", "in use"):
                for number in range(FIRST + 1, FIRST + 4):
                    assert writer.save() == number
                    assert count_as(looker) == number
                    assert f"step_{number}" in looker.ask("show", "s").out
            else:
                assert path.read_bytes() == before


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_a_store_that_stays_open_to_look_sees_each_writer_come_and_go(
    folder: Path, end: End
) -> None:
    path = folder / "s.db"
    with written(path, end):
        pass
    with looking_at(path) as looker:
        with locked(folder):
            assert count_as(looker) == FIRST
        for number in range(1, 4):
            with written_on(path) as writer:
                assert count_as(looker) == FIRST + 2 * number - 2
                writer.save()
                assert count_as(looker) == FIRST + 2 * number - 1
                writer.save()
            with locked(folder):
                assert count_as(looker) == FIRST + 2 * number


async def test_looking_leaves_nothing_beside_a_file_that_lies_at_rest(folder: Path) -> None:
    path = folder / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(snapshot())
    before = path.read_bytes(), path.stat().st_mtime_ns, folder.stat().st_mtime_ns
    storage = SQLiteSnapshotStorage(path, read_only=True)
    async with storage:
        assert len(await storage.list_snapshots("s")) == 1
        cursor = await storage.wait(None, 0)
        assert await storage.wait(cursor, 0.3) == cursor
        assert list(folder.iterdir()) == [path]
        assert (await storage.info()).details["journal_mode"] == "at rest"
    assert list(folder.iterdir()) == [path]
    assert (path.read_bytes(), path.stat().st_mtime_ns, folder.stat().st_mtime_ns) == before


async def test_no_answer_is_older_than_what_was_acknowledged_when_it_was_asked_for(
    folder: Path,
) -> None:
    path = folder / "s.db"
    acknowledged = 0
    done = False

    async def write() -> None:
        nonlocal acknowledged, done
        while acknowledged < 120:
            async with SQLiteSnapshotStorage(path) as storage:
                for _ in range(1 + acknowledged % 3):
                    items = list(range(acknowledged + 1))
                    acknowledged = await storage.save_snapshot(snapshot(context={"items": items}))
            # Deleting empties the log while the store is open.
            if acknowledged % 5 == 0:
                async with SQLiteSnapshotStorage(path) as storage:
                    await storage.save_snapshot(snapshot("gone"))
                    await storage.backend.delete(["gone"])
        done = True

    async def look(storage: SQLiteSnapshotStorage) -> int:
        looks = 0
        while not done:
            known = acknowledged
            newest = await storage.get_latest_snapshot("s")
            assert newest is not None
            assert newest.sequence >= known
            assert newest.context == {"items": list(range(newest.sequence))}
            looks += 1
        return looks

    async with SQLiteSnapshotStorage(path) as storage:
        acknowledged = await storage.save_snapshot(snapshot(context={"items": [0]}))
    async with SQLiteSnapshotStorage(path, read_only=True) as storage:
        looks, _ = await asyncio.gather(look(storage), write())
    assert looks > 50


@pytest.mark.parametrize(
    ("written", "ago", "settles_in"),
    [
        (1_700_000_000_123_456_789, 0.001, 0.019),
        (1_700_000_000_123_456_789, 0.021, 0),
        (1_700_000_000_123_456_789, -60, 0),
        # Some file systems keep whole seconds, or every other one.
        (1_700_000_000_000_000_000, 0.5, 1.5),
        (1_700_000_000_000_000_000, 2.1, 0),
    ],
)
def test_a_file_is_read_alone_only_once_a_later_write_would_give_it_another_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, written: int, ago: float, settles_in: float
) -> None:
    path = folder / "s.db"
    path.write_bytes(b"x")
    os.utime(path, ns=(written, written))
    clock = SimpleNamespace(time_ns=lambda: written + int(ago * 1e9))
    monkeypatch.setattr(sqlite_file, "time", clock)
    found = sqlite_file.OpenFile.find(path, read_only=True)
    assert found.settles_in == pytest.approx(settles_in)


async def test_waiting_on_a_file_at_rest_ends_as_soon_as_somebody_writes(folder: Path) -> None:
    path = folder / "s.db"
    writer, watcher = SQLiteSnapshotStorage(path), SQLiteSnapshotStorage(path, read_only=True)
    async with writer:
        await writer.save_snapshot(snapshot())
    async with watcher:
        for number in range(2, 5):
            cursor = await watcher.wait(None, 0)
            waiting = asyncio.ensure_future(watcher.wait(cursor, 30))
            async with writer:
                await writer.save_snapshot(snapshot())
            assert await asyncio.wait_for(waiting, 5) != cursor
            assert len(await watcher.list_checkpoints("s")) == number


# ---------------------------------------------------------------- what cannot be opened


def test_a_copy_without_the_second_file_says_how_to_look_at_it_and_that_works(
    folder: Path, tmp_path: Path
) -> None:
    path = folder / "s.db"
    with written(path, "killed"):
        (folder / "s.db-shm").unlink()
    with locked(folder), looking_at(path) as looker:
        done = looker.ask("sagas")
    assert done.code == 4
    copying = re.search(r"`(cp .*) FOLDER`", done.err)
    assert copying is not None, done.err
    mine = tmp_path / "mine"
    mine.mkdir()
    subprocess.run([*shlex.split(copying[1]), str(mine)], check=True)
    with looking_at(mine / "s.db") as looker:
        assert f"step_{FIRST}" in looker.ask("show", "s").out


def test_a_store_left_in_the_middle_of_being_made_says_who_can_mend_it(folder: Path) -> None:
    path = folder / "s.db"
    connection = sqlite3.connect(folder / "other.db", isolation_level=None)
    connection.execute("CREATE TABLE t (n)")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 9999) "
        "INSERT INTO t SELECT randomblob(100) FROM c"
    )
    shutil.copy(folder / "other.db", path)
    shutil.copy(folder / "other.db-journal", folder / "s.db-journal")
    connection.close()
    with locked(folder), looking_at(path) as looker:
        done = looker.ask("sagas")
    assert done.code == 4
    assert "left in the middle of a write" in done.err


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_a_folder_that_may_not_be_written_is_named_when_something_is_to_be_written(
    folder: Path, end: End
) -> None:
    path = folder / "s.db"
    with written(path, end):
        pass
    for beside in ("s.db-shm", "s.db-wal"):
        (folder / beside).unlink(missing_ok=True)
    folder.chmod(0o555)
    try:
        with looking_at(path) as looker:
            done = looker.ask("write")
    finally:
        folder.chmod(0o755)
    assert done.err.startswith("ReadOnlyStoreError")
    assert "the permissions of its folder" in done.err


# ---------------------------------------------------------------- moved and replaced


async def store_of(path: Path, *saga_ids: str) -> None:
    async with SQLiteSnapshotStorage(path) as storage:
        for saga_id in saga_ids:
            await storage.save_snapshot(snapshot(saga_id, context={"mine": saga_id}))


async def ids_in(storage: SQLiteSnapshotStorage) -> set[str]:
    return {saga.saga_id for saga in (await storage.list_sagas()).sagas}


async def sound(path: Path) -> set[str]:
    """Check a file with SQLite's own check; return the sagas in it."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    async with SQLiteSnapshotStorage(path, read_only=True) as storage:
        return await ids_in(storage)


@pytest.mark.parametrize("in_use", [False, True], ids=["at rest", "in use"])
async def test_whoever_looks_sees_the_file_that_has_taken_the_place_of_another(
    folder: Path, in_use: bool
) -> None:
    path = folder / "s.db"
    await store_of(path, "old")
    await store_of(folder / "new.db", "new")
    writer = SQLiteSnapshotStorage(path)
    if in_use:
        await writer.save_snapshot(snapshot("older"))
    async with SQLiteSnapshotStorage(path, read_only=True) as storage:
        assert await ids_in(storage) == ({"old", "older"} if in_use else {"old"})
        cursor = await storage.wait(None, 0)
        waiting = asyncio.ensure_future(storage.wait(cursor, 30))
        for beside in ("", "-wal", "-shm"):
            if Path(f"{path}{beside}").exists():
                Path(f"{path}{beside}").rename(f"{path}.old{beside}")
        with pytest.raises(StorageUnavailableError, match="moved or deleted while it was open"):
            await asyncio.wait_for(waiting, 5)
        with pytest.raises(StorageUnavailableError, match="put it back"):
            await ids_in(storage)
        (folder / "new.db").rename(path)
        assert await ids_in(storage) == {"new"}
        assert await storage.wait(None, 0) != cursor
    await writer.close()
    assert await sound(Path(f"{path}.old")) == ({"old", "older"} if in_use else {"old"})


async def test_a_link_that_leads_to_another_file_is_followed(folder: Path) -> None:
    path = folder / "s.db"
    for name in ("one", "two"):
        await store_of(folder / f"{name}.db", name)
    path.symlink_to("one.db")
    async with SQLiteSnapshotStorage(path, read_only=True) as storage:
        assert await ids_in(storage) == {"one"}
        path.unlink()
        path.symlink_to("two.db")
        assert await ids_in(storage) == {"two"}


async def test_a_store_that_was_moved_refuses_writes_until_it_is_back_and_is_whole(
    folder: Path,
) -> None:
    path, away = folder / "s.db", folder / "away.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(snapshot("a"))
        path.rename(away)
        for _ in range(2):
            with pytest.raises(StorageUnavailableError, match=r"was moved.*; put it back"):
                await storage.save_snapshot(snapshot("b"))
        with pytest.raises(StorageUnavailableError, match="put it back"):
            await storage.list_sagas()
        # What was acknowledged is in the file itself, wherever that is now.
        assert not path.exists()
        assert await sound(away) == {"a"}
        away.rename(path)
        assert await storage.save_snapshot(snapshot("a")) == 2
        assert await ids_in(storage) == {"a"}


async def test_a_store_that_was_replaced_is_written_on_from_what_is_there(folder: Path) -> None:
    path = folder / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for number in range(3):
            await storage.save_snapshot(snapshot("old", context={"n": number, "pad": "x" * 9000}))
        await store_of(folder / "new.db", "new")
        (folder / "new.db").rename(path)
        with pytest.raises(StorageUnavailableError, match="replaced"):
            await storage.save_snapshot(snapshot("old", context={"n": 4}))
        assert await ids_in(storage) == {"new"}
        assert await storage.save_snapshot(snapshot("old", context={"n": 5})) == 1
        assert (await storage.get_checkpoint("new", 1)).context == {"mine": "new"}
    # The log of the old file did not end up in the new one.
    assert await sound(path) == {"new", "old"}


async def test_a_store_that_was_moved_and_is_closed_leaves_a_whole_file_and_an_empty_log(
    folder: Path,
) -> None:
    path, away = folder / "s.db", folder / "away.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(snapshot("a"))
        path.rename(away)
    assert await sound(away) == {"a"}
    await store_of(path, "b")
    assert await sound(path) == {"b"}


async def test_a_store_that_was_deleted_can_be_begun_anew_by_opening_it_again(
    folder: Path,
) -> None:
    path = folder / "s.db"
    storage = SQLiteSnapshotStorage(path)
    await storage.save_snapshot(snapshot("a"))
    path.unlink()
    with pytest.raises(StorageUnavailableError, match="start again"):
        await storage.save_snapshot(snapshot("b"))
    await storage.close()
    assert await storage.save_snapshot(snapshot("b")) == 1
    await storage.close()
    assert await sound(path) == {"b"}
