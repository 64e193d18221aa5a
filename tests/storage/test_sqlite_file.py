"""A SQLite store is a file among others, and says what is wrong with it in words."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sagaz_core.errors import (
    CorruptEntryError,
    NotASagazStoreError,
    ReadOnlyStoreError,
    SchemaTooNewError,
    StorageError,
    StorageUnavailableError,
)
from sagaz_core.model import SagaSnapshot, StepError
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.backends.sqlite import connection as connections
from sagaz_core.storage.backends.sqlite import schema as schemas
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.backends.sqlite.query import page_statements
from sagaz_core.storage.storage import SnapshotStorage


def snapshot(saga_id: str = "s", **fields: object) -> SagaSnapshot:
    return SagaSnapshot(saga_id=saga_id, saga_name="S", **fields)  # type: ignore[arg-type]


async def opening(path: Path, *, read_only: bool = False) -> str:
    """Try to open a store; returns the error's words."""
    with pytest.raises(StorageError) as raised:
        await SQLiteSnapshotStorage(path, read_only=read_only).open()
    assert "\n" not in str(raised.value)
    assert "Error" not in str(raised.value)
    return f"{type(raised.value).__name__}: {raised.value}"


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """A store with one checkpoint."""
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(snapshot(context={"n": 1}))
    return path


# ---------------------------------------------------------------- what it may not be


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("a shopping list, long enough to be read as a header " * 40)
    before = path.read_bytes()
    for read_only in (False, True):
        assert "is no SQLite database" in await opening(path, read_only=read_only)
    assert path.read_bytes() == before


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    words = await opening(path)
    assert words.startswith("NotASagazStoreError")
    assert "another program" in words
    assert path.read_bytes() == before


async def test_an_empty_file_becomes_a_store_unless_it_is_only_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert "not a store yet" in await opening(path, read_only=True)
    assert path.stat().st_size == 0
    async with SQLiteSnapshotStorage(path) as storage:
        assert await storage.save_snapshot(snapshot()) == 1


async def test_a_newer_schema_is_refused(store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SchemaTooNewError, match="upgrade sagaz"):
        await SQLiteSnapshotStorage(store).open()


async def test_a_newer_program_that_makes_the_store_meanwhile_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    read_header = schemas._read_header
    scripts = [*schemas.migrations(), "CREATE TABLE later (n INTEGER);"]

    def read_and_be_overtaken(connection: sqlite3.Connection) -> tuple[int, int, int]:
        found = read_header(connection)
        other = sqlite3.connect(path, isolation_level=None)
        schemas._migrate(other, path, scripts)
        other.close()
        return found

    monkeypatch.setattr(schemas, "_read_header", read_and_be_overtaken)
    with pytest.raises(SchemaTooNewError, match="upgrade sagaz"):
        await SQLiteSnapshotStorage(path).open()
    assert "later" in dict(schema_of(path))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(scripts),)
    connection.close()


async def test_a_folder_a_missing_folder_and_a_missing_file(tmp_path: Path) -> None:
    assert "is a folder" in await opening(tmp_path)
    assert "does not exist; make it first" in await opening(tmp_path / "no" / "s.db")
    missing = tmp_path / "none.db"
    assert "record a saga into it first" in await opening(missing, read_only=True)
    assert "does not exist; make it first" in await opening(missing / "s.db")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def without_permission(path: Path) -> Iterator[None]:
    """Make a file nobody may read, and be nobody in particular meanwhile."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0)
    am_root = os.geteuid() == 0
    if am_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if am_root:
            os.seteuid(0)
        path.chmod(mode)


async def test_no_permission_for_the_file_or_its_folder(store: Path) -> None:
    for place in (store, store.parent):
        with without_permission(place):
            for read_only in (False, True):
                words = await opening(store, read_only=read_only)
                assert words.startswith("StorageUnavailableError")
                assert "check that this user may" in words


async def test_a_store_locked_by_another_process_is_waited_for_and_then_named(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.05)
    blocker = sqlite3.connect(store, isolation_level=None)
    async with SQLiteSnapshotStorage(store) as storage:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError, match="locked by another process"):
            await storage.save_snapshot(snapshot())
        blocker.execute("ROLLBACK")
        assert await storage.save_snapshot(snapshot()) == 2
    blocker.close()


async def test_a_damaged_file_is_named_as_such(store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    store.write_bytes(content)
    async with SQLiteSnapshotStorage(store) as storage:
        with pytest.raises(StorageError, match="damaged"):
            await storage.list_snapshots()


# ---------------------------------------------------------------- looking only


async def test_looking_changes_no_byte_and_every_write_is_refused(store: Path) -> None:
    before = store.read_bytes()
    async with SQLiteSnapshotStorage(store, read_only=True) as storage:
        assert (await storage.get_checkpoint("s", 1)).context == {"n": 1}
        assert (await storage.list_sagas()).sagas[0].saga_id == "s"
        await storage.list_changes("s")
        with pytest.raises(ReadOnlyStoreError, match="to look only"):
            await storage.save_snapshot(snapshot())
        with pytest.raises(ReadOnlyStoreError):
            await storage.backend.hide("x")
    assert store.read_bytes() == before


# ---------------------------------------------------------------- what it is like inside


async def test_it_is_synced_and_forgets_securely(store: Path) -> None:
    names = ("journal_mode", "synchronous", "secure_delete")
    backend = SQLiteBackend(store)
    async with SnapshotStorage(backend) as storage:
        await storage.open()
        found = await backend._file.run(
            lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
        )
    assert found == ["wal", 2, 1]


async def test_what_was_deleted_is_in_no_file_any_more(tmp_path: Path) -> None:
    secret = "a-very-peculiar-secret-7731"
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(snapshot("other", context={"n": 1}))
        for number in range(5):
            await storage.save_snapshot(snapshot("gone", context={f"k{number}": secret}))
        before = b"".join(each.read_bytes() for each in tmp_path.iterdir())
        assert secret.encode() in before
        assert await storage.backend.delete(["gone"]) == 5
        after = b"".join(each.read_bytes() for each in tmp_path.iterdir())
        assert secret.encode() not in after
        assert await storage.list_changes("gone") == []
        assert (await storage.get_checkpoint("other", 1)).context == {"n": 1}


def schema_of(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return rows


async def test_a_store_of_an_older_schema_is_brought_up_to_date(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = [*schemas.migrations(), "CREATE TABLE later (n INTEGER);\n-- done; really\n"]
    monkeypatch.setattr(schemas, "migrations", lambda: scripts)
    assert "brought up to date" in await opening(store, read_only=True)
    async with SQLiteSnapshotStorage(store) as storage:
        assert (await storage.get_checkpoint("s", 1)).context == {"n": 1}
    async with SQLiteSnapshotStorage(tmp_path / "fresh.db") as fresh:
        await fresh.open()
    assert schema_of(store) == schema_of(tmp_path / "fresh.db")
    assert "later" in dict(schema_of(store))


async def test_a_migration_that_fails_leaves_the_store_as_it_was(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema_of(store)
    scripts = [*schemas.migrations(), "CREATE TABLE later (n);\nCREATE TABLE saga (n);\n"]
    with monkeypatch.context() as patch:
        patch.setattr(schemas, "migrations", lambda: scripts)
        assert "could not be used" in await opening(store)
    assert schema_of(store) == before
    async with SQLiteSnapshotStorage(store) as storage:
        assert (await storage.get_checkpoint("s", 1)).context == {"n": 1}


async def test_two_processes_that_make_the_same_store_both_succeed(tmp_path: Path) -> None:
    storages = [SQLiteSnapshotStorage(tmp_path / "s.db") for _ in range(8)]
    await asyncio.gather(*(storage.open() for storage in storages))
    for number, storage in enumerate(storages):
        await storage.save_snapshot(snapshot(f"s{number}"))
    assert len((await storages[0].list_sagas()).sagas) == 8
    await asyncio.gather(*(storage.close() for storage in storages))


# ---------------------------------------------------------------- asking


@pytest.mark.parametrize(
    "query",
    [
        SagaQuery(),
        SagaQuery(status=("failed",)),
        SagaQuery(status=("failed",), unsettled=True),
        SagaQuery(status=("completed", "executing"), updated_since=5),
        SagaQuery(name="OrderSaga"),
        SagaQuery(status=("failed",), name="OrderSaga"),
        SagaQuery(status=("failed",), error_group="CardDeclined"),
    ],
)
async def test_a_page_of_ended_sagas_is_read_in_order_from_an_index(
    store: Path, query: SagaQuery
) -> None:
    connection = sqlite3.connect(store)
    for sql, parameters in page_statements(query, "5:x", 50, 7):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        if "s.ended IS NULL" in sql:
            assert any("saga_going" in line for line in plan), plan
        else:
            assert not any("TEMP B-TREE" in line for line in plan), plan
            assert any("SEARCH s USING INDEX saga_by_" in line for line in plan), plan
    connection.close()


async def test_with_every_body_poisoned_all_but_the_contexts_is_still_there(store: Path) -> None:
    async with SQLiteSnapshotStorage(store) as storage:
        error = StepError("Boom", "no", "Traceback")
        await storage.save_snapshot(snapshot(kind="step_failed", step_name="a", error=error))
        connection = sqlite3.connect(store)
        connection.execute("UPDATE entry SET body = randomblob(60)")
        connection.commit()
        connection.close()
        first, second = await storage.list_checkpoints("s")
        assert (first.kind, second.kind, second.error) == ("manual", "step_failed", error)
        assert [touch.key for touch in await storage.list_changes("s")] == ["n", "n"]
        assert (await storage.get_saga("s")).error == "Boom: no"  # type: ignore[union-attr]
        await storage.get_run("s")
        for number in (1, 2):
            with pytest.raises(CorruptEntryError, match=f"checkpoint {min(number, 1)} of 's'"):
                await storage.get_checkpoint("s", number)


async def test_a_program_that_forgets_to_close_its_store_still_ends(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from sagaz_core.model import SagaSnapshot\n"
        "from sagaz_core.storage.backends import SQLiteSnapshotStorage\n"
        "storage = SQLiteSnapshotStorage(sys.argv[1])\n"
        "asyncio.run(storage.save_snapshot(SagaSnapshot(saga_id='s', saga_name='S')))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "s.db")
    )
    assert await asyncio.wait_for(process.wait(), 20) == 0
    async with SQLiteSnapshotStorage(tmp_path / "s.db", read_only=True) as storage:
        assert len(await storage.list_snapshots("s")) == 1


async def test_a_store_named_from_the_working_directory_stays_where_that_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for read_only in (False, True):
        monkeypatch.chdir(tmp_path)
        async with SQLiteSnapshotStorage("s.db", read_only=read_only) as storage:
            if not read_only:
                await storage.save_snapshot(snapshot())
            monkeypatch.chdir(tmp_path / "elsewhere")
            if not read_only:
                await storage.save_snapshot(snapshot())
            assert len(await storage.list_snapshots("s")) == 2
            async with SQLiteSnapshotStorage(tmp_path / "s.db") as other:
                await other.save_snapshot(snapshot("t"))
            assert len((await storage.list_sagas()).sagas) == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


FORKING = """
import asyncio, os, sys
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage

storage = SQLiteSnapshotStorage(sys.argv[1])

async def save(saga_id):
    await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="S"))
    return len((await storage.list_sagas()).sagas)

assert asyncio.run(save("parent")) == 1
child = os.fork()
if child == 0:
    assert asyncio.run(save("child")) == 2
    asyncio.run(storage.close())
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert asyncio.run(save("parent again")) == 3
asyncio.run(storage.close())
"""


async def test_a_process_that_is_forked_while_a_store_is_open_can_use_it_too(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FORKING, str(tmp_path / "s.db"), stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, said.decode()
    assert list(tmp_path.iterdir()) == [tmp_path / "s.db"]


def test_not_a_store_is_a_storage_error() -> None:
    assert issubclass(NotASagazStoreError, StorageError)


@pytest.mark.torture
async def test_a_store_that_several_make_at_once_keeps_none_of_them_waiting(tmp_path: Path) -> None:
    """Of two that turned the file to its log at once, each once waited for the other."""
    for number in range(300):
        storages = [SQLiteSnapshotStorage(tmp_path / f"{number}.db") for _ in range(6)]
        async with asyncio.timeout(4):
            await asyncio.gather(*(storage.open() for storage in storages))
        for storage in storages:
            await storage.close()
