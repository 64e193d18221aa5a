"""Where something was deleted to leave no trace, none of it is in any file once that is said."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import redis

from sagaz_core.errors import StorageError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.redis.backend import RedisBackend
from sagaz_core.storage.backends.rows import Append, RecordRow
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.testing.redis_cluster import RedisClusterServers
from sagaz_core.testing.redis_server import RedisServer
from sagaz_core.testing.rows import append_of

_CHECKPOINTS = 12


def traces(saga_id: str) -> list[bytes]:
    """Return what a saga's rows are made of, in pieces that occur nowhere else."""
    chance = random.Random(saga_id)
    return [chance.randbytes(12) for _ in range(2 + 3 * _CHECKPOINTS + 1)]


def appends(saga_id: str, *, large: int = 400) -> list[Append]:
    """Return a saga with a key, codes and bodies of all sizes, all of them made of its traces."""
    key, tag, *pieces = traces(saga_id)
    made = []
    for number in range(1, _CHECKPOINTS + 1):
        meta, body, mac = pieces[number * 3 - 3 : number * 3]
        append = append_of(saga_id, number)
        assert append.entry is not None
        made.append(
            append._replace(
                saga=append.saga._replace(wrapped_key=key, mac=mac),
                entry=append.entry._replace(
                    meta=meta * (1 + number % 5), body=body * (number * large // 12), mac=mac
                ),
                tags=[(tag.hex(), "")] if number == 1 else (),
            )
        )
    return made


def record_of(saga_id: str) -> RecordRow:
    body = traces(saga_id)[-1]
    return RecordRow(
        kind="k", id=saga_id, version=0, saga=saga_id, at=1, expires=1 << 60, body=body
    )


async def fill(backend: Backend, sagas: list[str], **sizes: int) -> None:
    """Let sagas write in turns, so that their rows lie among each other's."""
    for group in zip(*(appends(saga_id, **sizes) for saga_id in sagas), strict=True):
        assert {each.kind for each in await backend.append(group)} == {"stored"}
    for saga_id in sagas:
        await backend.put(record_of(saga_id), expected_version=0)


def found_in(files: list[Path], saga_id: str) -> set[bytes]:
    """Return the traces of a saga that are in files, as they are or in hexadecimal."""
    stored = b"".join(file.read_bytes() for file in files if file.exists())
    return {each for each in traces(saga_id) if each in stored or each.hex().encode() in stored}


def sqlite_files(place: Path) -> list[Path]:
    return [Path(f"{place}{end}") for end in ("", "-wal", "-shm")]


async def until_scrubbed(backend: Backend) -> None:
    """Ask until it is said, at most half a minute."""
    for _ in range(3000):
        if await backend.scrubbed():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_a_file_holds_nothing_of_what_was_deleted(tmp_path: Path) -> None:
    place = tmp_path / "store"
    backend = SQLiteBackend(place)
    await backend.open(read_only=False)
    sagas = [f"saga{number:02}" for number in range(8)]
    await fill(backend, sagas)
    assert all(len(found_in(sqlite_files(place), each)) > 30 for each in sagas)
    gone, kept = sagas[::2], sagas[1::2]
    for saga_id in gone:
        assert await backend.delete([saga_id], scrub=True) == _CHECKPOINTS
    assert await backend.scrubbed()
    for saga_id in gone:
        assert found_in(sqlite_files(place), saga_id) == set()
        assert await backend.get("k", saga_id) is None
    assert await backend.delete(kept[:1]) == _CHECKPOINTS
    assert await backend.get("k", kept[0]) is not None
    for saga_id in kept[1:]:
        assert [entry.seq for entry in await backend.entries(saga_id, 1, 99)] == list(
            range(1, _CHECKPOINTS + 1)
        )
    await backend.close()


async def test_copies_that_rows_left_behind_as_they_moved_are_gone_too(tmp_path: Path) -> None:
    place = tmp_path / "store"
    with closing(sqlite3.connect(place)) as db:
        # A page that a row was moved away from, without the overwriting of deleted rows.
        backend = SQLiteBackend(place)
        await backend.open(read_only=False)
        await fill(backend, ["a", "b"])
        await backend.close()
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("DELETE FROM entry WHERE saga = (SELECT pk FROM saga WHERE id = 'a')")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await backend.open(read_only=False)
    await backend.delete(["a"], scrub=True)
    assert found_in(sqlite_files(place), "a")
    assert await backend.scrubbed()
    assert found_in(sqlite_files(place), "a") == set()
    await backend.close()


async def test_a_reader_of_what_was_before_keeps_it_pending(tmp_path: Path) -> None:
    place = tmp_path / "store"
    backend = SQLiteBackend(place)
    await backend.open(read_only=False)
    await fill(backend, ["a", "b"], large=40)
    with closing(sqlite3.connect(place, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        await backend.delete(["a"], scrub=True)
        assert not await backend.scrubbed()
        # Another process is told the same.
        other = SQLiteBackend(place)
        await other.open(read_only=False)
        assert not await other.scrubbed()
        await other.close()
        assert found_in(sqlite_files(place), "a")
        reader.execute("ROLLBACK")
        assert await backend.scrubbed()
        assert found_in(sqlite_files(place), "a") == set()
    await backend.close()


async def test_a_writer_in_another_process_keeps_it_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_core.storage.backends.sqlite.connection.BUSY_SECONDS", 0.05)
    place = tmp_path / "store"
    backend = SQLiteBackend(place)
    await backend.open(read_only=False)
    await fill(backend, ["a"], large=40)
    await backend.delete(["a"], scrub=True)
    with closing(sqlite3.connect(place, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert not await backend.scrubbed()
        writer.execute("ROLLBACK")
    assert await backend.scrubbed()
    await backend.close()


async def test_a_servers_files_hold_nothing_of_what_was_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "server"

    def files() -> list[Path]:
        return [path for path in folder.rglob("*") if path.suffix in (".aof", ".rdb")]

    with RedisServer(folder, durable=True, options={"save": "3600 1"}) as server:
        backend = RedisBackend(server.url, key_prefix="x:", enable_compression=False)
        await backend.open(read_only=False)
        await fill(backend, ["a", "b"], large=40)
        with redis.Redis(port=server.port) as client:
            client.save()
        for saga_id in ("a", "b"):
            assert len(found_in(files(), saga_id)) > 30
        await backend.delete(["a"], scrub=True)
        assert not await backend.scrubbed()
        await until_scrubbed(backend)
        assert found_in(files(), "a") == set()
        assert len(found_in(files(), "b")) > 30
        # What is deleted next is not held to be gone with the last.
        await backend.delete(["b"], scrub=True)
        assert not await backend.scrubbed()
        assert found_in(files(), "b")
        await until_scrubbed(backend)
        assert found_in(files(), "b") == set()
        await backend.close()


async def test_a_server_that_keeps_no_files_has_nothing_to_write_anew(redis_url: str) -> None:
    backend = RedisBackend(redis_url, key_prefix="scrubbing:")
    await backend.open(read_only=False)
    await fill(backend, ["a"], large=40)
    await backend.delete(["a"], scrub=True)
    assert await backend.scrubbed()
    await backend.close()


async def test_a_user_who_may_not_have_files_written_anew_is_told(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "server", durable=True) as server:
        with redis.Redis(port=server.port) as client:
            client.acl_setuser(
                "app", enabled=True, nopass=True, keys="*", categories=["+@all"],
                commands=["-bgrewriteaof"],
            )  # fmt: skip
        backend = RedisBackend(server.url.replace("//", "//app:x@"), key_prefix="x:")
        await backend.open(read_only=False)
        await fill(backend, ["a"], large=40)
        await backend.delete(["a"], scrub=True)
        with pytest.raises(StorageError, match="BGREWRITEAOF for this user"):
            await backend.scrubbed()
        await backend.close()


@pytest.mark.torture
async def test_each_server_of_a_cluster_writes_its_files_anew(tmp_path: Path) -> None:
    with RedisClusterServers(tmp_path) as cluster:
        for server in cluster.servers:
            with redis.Redis(port=server.port) as client:
                client.config_set("appendonly", "yes")
        backend = RedisBackend(cluster.url, key_prefix="x:", enable_compression=False)
        await backend.open(read_only=False)
        sagas = [f"saga{number}" for number in range(9)]
        await fill(backend, sagas, large=40)
        await backend.delete(sagas, scrub=True)
        await until_scrubbed(backend)
        for server in cluster.servers:
            files = list(server.folder.rglob("*.aof"))
            assert files
            for saga_id in sagas:
                assert found_in(files, saga_id) == set()
        await backend.close()
