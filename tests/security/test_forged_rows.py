"""Somebody has written into the file what no program of ours writes."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import SagaSnapshot, StepError, utc_now
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.conftest import command  # noqa: F401

COMMANDS = (
    ("sagas",),
    ("show", "o1"),
    ("blame", "o1", "amount"),
    ("diff", "o1", "1", "2"),
    ("lineage", "o1"),
    ("doctor",),
)
FORGED: tuple[Any, ...] = (None, -1, 1 << 62, "x\n", b"\x00\xff", 1.5)


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    path = tmp_path / "sagaz.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for number in range(3):
            await storage.save_snapshot(
                SagaSnapshot(
                    saga_id="o1",
                    saga_name="Order",
                    kind="step_failed",
                    step_name="charge",
                    context={"amount": number},
                    error=StepError("E", "went wrong", "Traceback"),
                )
            )
    return path


def columns(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return [
            (table, row[1])
            for table in ("saga", "entry", "touch", "family")
            for row in db.execute(f"PRAGMA table_info({table})")
        ]


def test_whatever_stands_in_a_column_ends_no_command_with_a_traceback(
    command: Command,  # noqa: F811
    store: Path,
) -> None:
    """Without it, one such row would end every command that meets it, with a traceback."""
    forged = store.parent / "forged.db"
    told = 0
    for number, (table, column) in enumerate(columns(store)):
        for value in FORGED:
            shutil.copy(store, forged)
            with closing(sqlite3.connect(forged)) as db:
                try:
                    with db:
                        db.execute(f"UPDATE {table} SET {column} = ?", (value,))
                except sqlite3.IntegrityError:
                    continue
            # One of the commands for each, so that it takes seconds and not a minute.
            which = (number + FORGED.index(value)) % len(COMMANDS)
            done = command(*COMMANDS[which], "--storage-url", str(forged))
            assert done.code in (0, 1, 3, 4), (table, column, value, done)
            assert "Traceback (most" not in done.err
            told += "no sagaz writes" in done.err
    assert told > 20


GONE = (
    "DELETE FROM entry WHERE seq = 2",
    "DELETE FROM entry WHERE seq = 3",
    "DELETE FROM entry",
    "UPDATE saga SET head = 4611686018427387904",
    "UPDATE saga SET head = 9223372036854775807",
    "UPDATE entry SET at = 'never' WHERE seq = 2",
    "UPDATE entry SET meta = x'ffff' WHERE seq = 2",
    "UPDATE entry SET meta = x'ffff' WHERE seq = 1",
    "UPDATE entry SET body = x'00' WHERE seq = 2",
    "INSERT INTO family VALUES ('o1', 1, 'ada', 'o1~r1', 1, 'for ever', NULL)",
)
LATER = ("--at", "2100-01-01T00:00:00Z")
MEETING = (
    ("replay", "time-travel", "o1", *LATER),
    ("audit", "report", "o1", *LATER),
    ("audit", "verify"),
    ("compare", "o1", "o1"),
    ("replay", "run", "o1", "--from-step", "charge", "--dry-run"),
    ("export", "o1", "-o", "o1.sagaz"),
)


@pytest.mark.parametrize("change", GONE)
def test_an_entry_that_is_gone_is_told_and_nothing_looks_for_it_for_ever(
    command: Command,  # noqa: F811
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    """Without it, one number in a row keeps a command busy until the end of time."""
    monkeypatch.chdir(store.parent)
    with closing(sqlite3.connect(store)) as db, db:
        assert db.execute(change).rowcount
    told = 0
    for arguments in MEETING:
        done = command(*arguments, "--storage-url", str(store))
        assert done.code in (0, 1, 3, 4), (arguments, done)
        assert "Traceback (most" not in done.err
        # It says what has to be looked at, or how to find that out.
        named = "o1" in done.out + done.err or "`sagaz doctor` tells" in done.err
        assert done.code != 4 or named, done
        told += done.code == 4
    assert told


async def test_what_is_no_text_and_no_number_in_a_server_is_told(redis_url: str) -> None:
    """Without it, one byte that somebody set in a server ends every command with a traceback."""
    prefix = f"{uuid4()}:"
    snapshot = SagaSnapshot(saga_id="o1", saga_name="Order", context={"amount": 1})
    async with RedisSnapshotStorage(redis_url, prefix) as storage:
        await storage.save_snapshot(snapshot)
    with redis.Redis.from_url(redis_url) as client:
        for key, forged in ((f"{prefix}root:o1", b"\xe9"), (f"{prefix}schema", b"q")):
            before = client.get(key)
            assert before is not None
            client.set(key, forged)
            with pytest.raises(CorruptEntryError, match=r"is no text|is none"):
                async with RedisSnapshotStorage(redis_url, prefix, read_only=True) as storage:
                    await storage.get_checkpoint("o1", 1)
            client.set(key, before)
        (stream,) = client.keys(f"{prefix}*entries*")
        client.xtrim(stream, maxlen=0)
    async with RedisSnapshotStorage(redis_url, prefix, read_only=True) as storage:
        with pytest.raises(CorruptEntryError, match="checkpoint 1 is gone"):
            await storage.get_snapshot_at_time("o1", utc_now())
