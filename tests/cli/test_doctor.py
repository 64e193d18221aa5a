"""``sagaz doctor``: what it says, in which form, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.cli.shop import HOSTILE, record_shop


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "sagaz.db"
    asyncio.run(record_shop(path))
    return path


@pytest.mark.usefixtures("store")
def test_nothing_wrong_ends_with_0_warnings_or_not(command: Command) -> None:
    done = command("doctor")
    assert done.code == 0, done.out
    assert "ok       SQLite finds every page and index sound" in done.out
    assert done.err == ""
    deep = command("doctor", "--deep", "--format", "json")
    assert deep.code == 0
    assert set(deep.json[0]) == {"level", "what", "advice"}
    assert {finding["level"] for finding in deep.json} <= {"ok", "warning"}
    table = command("doctor", "--format", "table")
    assert table.code == 0
    assert "WHAT TO DO" in table.out


def test_something_wrong_ends_with_1_and_says_what_to_do(command: Command, store: Path) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("DELETE FROM entry WHERE seq = 2")
    before = store.read_bytes()
    done = command("doctor")
    assert done.code == 1
    lines = done.out.splitlines()
    line = next(line for line in lines if line.startswith("error"))
    assert "order_1 #2 is missing" in line
    assert "sagaz copy" in lines[lines.index(line) + 1]
    assert command("doctor", "--format", "json").code == 1
    assert store.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="files have no modes there")
@pytest.mark.usefixtures("store")
def test_a_key_file_that_others_can_open_is_told(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"2026={base64.b64encode(b'k' * 32).decode()}\n")
    monkeypatch.setenv("SAGAZ_KEY_FILE", str(file))
    for mode, code, line in (
        (0o600, 0, f"ok       only its owner can open the key file {file} (mode 0600)"),
        (0o640, 0, f"warning  others than its owner can open the key file {file} (mode 0640)"),
        (0o644, 1, f"error    everybody on this machine can open the key file {file} (mode 0644)"),
    ):
        file.chmod(mode)
        done = command("doctor")
        assert (done.code, line in done.out) == (code, True), done.out
    assert f"chmod 600 {file}" in done.out
    caplog.clear()
    # Every other command warns of it, once.
    assert command("hold", "order_1", "--reason", "x").code == 0
    assert caplog.text.count("others can read the key file") == 1


def test_a_store_that_cannot_be_opened_ends_with_4(command: Command, tmp_path: Path) -> None:
    done = command("doctor")
    assert done.code == 4
    assert "there is no store at sagaz.db" in done.err
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "sagaz.db").write_text("this is no database, and long enough to be looked at")
    assert command("doctor").code == 4


def test_nothing_recorded_reaches_the_terminal_unescaped(command: Command, store: Path) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE saga SET id = ?, keyframe = 99 WHERE id = 'order_1'", (HOSTILE,))
    for format in ("text", "table", "json"):
        done = command("doctor", "--format", format)
        assert done.code == 1
        assert not set("\x1b\x07\u202e") & set(done.out + done.err)
