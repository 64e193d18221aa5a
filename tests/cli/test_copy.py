"""``sagaz copy``: from one store into another, and what it says of it."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import HOSTILE, record_shop
from tests.storage.families import everything, record


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path) -> None:
    asyncio.run(record_shop(tmp_path / "shop.db"))


def told(path: Path) -> object:
    async def read() -> object:
        async with SQLiteSnapshotStorage(path, read_only=True) as store:
            return await everything(store)

    return asyncio.run(read())


def test_a_whole_store_is_copied_and_told_in_words(command: Command, tmp_path: Path) -> None:
    done = command("copy", "--from", "shop.db", "--to", "sqlite:///new.db")
    assert done.code == 0, done.err
    lines = dict(line.split("  ", 1) for line in done.out.splitlines())
    assert lines["copied"].strip() == "3"
    assert lines["read back"].strip().endswith("checkpoints, all equal")
    assert done.err == ""
    assert told(tmp_path / "new.db") == told(tmp_path / "shop.db")


def test_the_report_is_data_for_a_program(command: Command) -> None:
    first = command("copy", "--from", "shop.db", "--to", "new.db", "--format", "json").json
    again = command("copy", "--from", "shop.db", "--to", "new.db", "--format", "json").json
    assert first["complete"]
    assert (first["copied"], first["unchanged"]) == (3, 0)
    assert first["checkpoints"] == first["verified"] > 0
    assert (again["copied"], again["unchanged"], again["checkpoints"]) == (0, 3, 0)
    assert again["verified"] == first["verified"]


def test_filters_choose_as_they_do_in_a_list(command: Command, tmp_path: Path) -> None:
    done = command(
        "copy", "--from", "shop.db", "--to", "new.db", "--status", "failed", "--prefix", "order_"
    )
    assert done.code == 0
    assert set(told(tmp_path / "new.db")) == {"order_1"}  # type: ignore[call-overload]


def test_a_conflict_is_told_by_name_and_fails_the_command(command: Command, tmp_path: Path) -> None:
    async def occupy() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "new.db") as store:
            await record(store, "order_1")

    asyncio.run(occupy())
    done = command("copy", "--from", "shop.db", "--to", "new.db")
    assert done.code == 1
    assert "order_1  another saga has this id there" in done.out
    assert len(told(tmp_path / "new.db")) == 3  # type: ignore[arg-type]
    data = command("copy", "--from", "shop.db", "--to", "new.db", "--format", "json")
    assert data.code == 1
    assert data.json["conflicts"] == [
        {"saga_id": "order_1", "reason": "another saga has this id there"}
    ]
    assert not data.json["complete"]


def test_a_running_saga_is_told(command: Command, tmp_path: Path) -> None:
    async def run() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "running.db") as store:
            await record(store, "on the way", outcome="executing")

    asyncio.run(run())
    done = command("copy", "--from", "running.db", "--to", "new.db")
    assert done.code == 0
    assert "still going on at the source, and copied as far as they were: on the way;" in done.err


def test_nothing_recorded_reaches_the_terminal_unescaped(command: Command, tmp_path: Path) -> None:
    command("copy", "--from", "shop.db", "--to", "new.db")
    with closing(sqlite3.connect(tmp_path / "new.db")) as db, db:
        db.execute("UPDATE saga SET name = ?", (HOSTILE,))
    for format in ("text", "table", "json"):
        done = command("copy", "--from", "shop.db", "--to", "new.db", "--format", format)
        assert done.code == 1
        assert not set("\x1b\x07\u202e") & set(done.out + done.err)


@pytest.mark.parametrize(
    ("source", "target", "code", "complaint"),
    [
        ("shop.db", "sqlite:///./shop.db", 2, "shop.db cannot be copied into itself"),
        ("missing.db", "new.db", 4, "there is no store at missing.db"),
        ("shop.db", "memory://", 2, "--to: memory storage lives inside the process"),
        ("mysql://a", "new.db", 2, "--from: unknown storage 'mysql'"),
        ("shop.db", "no/folder/new.db", 4, "the folder no/folder does not exist"),
    ],
)
def test_what_cannot_be_copied_says_why(
    command: Command, tmp_path: Path, source: str, target: str, code: int, complaint: str
) -> None:
    done = command("copy", "--from", source, "--to", target)
    assert done.code == code
    assert complaint in done.err
    assert not (tmp_path / "new.db").exists()


def test_settings_that_say_look_only_keep_the_target_as_it_is(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_READ_ONLY", "1")
    command("copy", "--from", "shop.db", "--to", "new.db")
    done = command("copy", "--from", "shop.db", "--to", "shop2.db")
    assert done.code == 4
    assert not (tmp_path / "shop2.db").exists()


def test_a_terminal_sees_how_far_it_is(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "sagaz_tui", "copy", "--from", "shop.db", "--to", "new.db"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"},
            timeout=60,
            check=True,
        )
        os.close(theirs)
        seen = terminal.read(1 << 16)
    assert b"copying sagas" in seen
    assert b"3/3" in seen
    assert re.search(rb"\d+ checkpoints", seen)
    assert b"copied" in done.stdout
    assert b"\x1b" not in done.stdout


def test_a_store_moves_to_a_server_and_back(
    command: Command, tmp_path: Path, redis_url: str
) -> None:
    server = f"{redis_url}?key_prefix=copy_{tmp_path.name}:"
    done = command("copy", "--from", "shop.db", "--to", server, "--format", "json")
    assert done.code == 0, done.err
    assert done.json["copied"] == 3
    assert command("doctor", "--storage-url", server, "--deep").code == 0
    assert command("copy", "--from", server, "--to", "back.db").code == 0
    assert told(tmp_path / "back.db") == told(tmp_path / "shop.db")
    assert command("copy", "--from", server, "--to", server).code == 2
