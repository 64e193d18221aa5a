"""What the examination of an SQLite file says of the file, its place and the library."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from sagaz_core.storage.backends.rows import Finding
from sagaz_core.storage.backends.sqlite import check as sqlite_check
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend, SQLiteSnapshotStorage
from tests.storage.families import record


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for number in range(20):
            await record(storage, f"s{number}", size=2000, tags={"n": str(number)})
    return path


async def check(path: Path, *, read_only: bool = True) -> list[Finding]:
    backend = SQLiteBackend(path)
    await backend.open(read_only=read_only)
    try:
        return await backend.check()
    finally:
        await backend.close()


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_sound_file_is_told_sound(path: Path, read_only: bool) -> None:
    path.chmod(0o600)
    found = await check(path, read_only=read_only)
    assert {finding.level for finding in found if "WAL-reset" not in finding.what} == {"ok"}
    told = " ".join(finding.what for finding in found)
    journal = "nobody writes to it just now" if read_only else "it is in WAL mode"
    for words in ("every page and index sound", "every row belongs", "schema is 1", journal):
        assert words in told


async def test_a_damaged_page_is_an_error_and_not_a_crash(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tag'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    found = [finding for finding in await check(path) if finding.level == "error"]
    assert len(found) == 1
    assert found[0].what.startswith("SQLite finds the file damaged: ")
    assert ".recover" in found[0].advice


async def test_rows_without_a_saga_are_counted_by_kind(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM saga WHERE id = 's3'")
    (found,) = [finding for finding in await check(path) if "belong to no saga" in finding.what]
    assert found.level == "warning"
    assert "4 checkpoints" in found.what
    assert "1 tags" in found.what
    assert "1 leases" in found.what
    assert found.advice == "`sagaz prune` removes them"


def test_another_journal_mode_is_told() -> None:
    found = sqlite_check.check_journal("delete")
    assert found.level == "warning"
    assert "not in WAL mode" in found.what


TRY_TO_LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    # The bytes of which every connection that has a file open in WAL mode holds a share.
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
"""


async def test_examining_a_file_takes_no_lock_from_a_store_that_is_open(path: Path) -> None:
    async def is_locked() -> bool:
        trying = await asyncio.create_subprocess_exec(
            sys.executable, "-c", TRY_TO_LOCK, str(path), stderr=asyncio.subprocess.PIPE
        )
        _, said = await trying.communicate()
        return b"BlockingIOError" in said

    async with SQLiteSnapshotStorage(path) as storage:
        assert await is_locked()
        await storage.backend.check()
        await check(path)
        await storage.health_check()
        assert await is_locked()
    assert not await is_locked()


@pytest.mark.parametrize(
    ("mode", "level", "words"),
    [
        (0o600, "ok", "only its owner can open it (mode 0600)"),
        (0o644, "warning", "others than its owner can read"),
        (0o666, "warning", "others than its owner can change"),
        (0o660, "warning", "others than its owner can change"),
    ],
)
async def test_who_can_open_the_file_is_told(path: Path, mode: int, level: str, words: str) -> None:
    path.chmod(mode)
    (found,) = [finding for finding in await check(path) if "owner" in finding.what]
    assert found.level == level
    assert words in found.what
    assert bool(found.advice) == (mode != 0o600)


@pytest.mark.parametrize(
    ("free", "level"), [(500 << 30, "ok"), (100 << 20, "warning"), (20 << 30, "warning")]
)
def test_a_disk_that_is_almost_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    usage = SimpleNamespace(total=1000 << 30, used=0, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert sqlite_check.check_space(tmp_path / "shop.db").level == level


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((3, 40, 1), "warning"),
        ((3, 44, 5), "warning"),
        ((3, 44, 6), "ok"),
        ((3, 45, 0), "warning"),
        ((3, 50, 6), "warning"),
        ((3, 50, 7), "ok"),
        ((3, 51, 0), "warning"),
        ((3, 51, 2), "warning"),
        ((3, 51, 3), "ok"),
        ((3, 52, 0), "ok"),
        ((4, 0, 0), "ok"),
    ],
)
def test_the_library_is_known_by_its_version(version: tuple[int, ...], level: str) -> None:
    found = sqlite_check.check_library(version)
    assert found.level == level
    assert ".".join(map(str, version)) in found.what
