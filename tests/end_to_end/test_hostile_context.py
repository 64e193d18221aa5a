"""What a context holds never reaches the terminal as anything but text."""

from __future__ import annotations

import time
from pathlib import Path

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.end_to_end.terminal import SAGAZ, Terminal
from tests.screen.hostile import hostile_snapshots
from tests.screen.recorded import record

UNWANTED = (b"\x1b]0;", b"\x1b]2;", b"\x1b]52;", "\u202e".encode(), "\x9b".encode())
"""The beginnings of what the context would do to the terminal, as bytes."""


async def test_ten_megabytes_and_many_keys_of_escapes_are_walked_through_and_do_nothing(
    tmp_path: Path,
) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, hostile_snapshots("order_1", chars=10_000_000, keys=100_000))
    with Terminal([SAGAZ, "tui", "order_1"], cwd=tmp_path, columns=120, rows=40) as terminal:
        terminal.wait_for(r"@#3.*(?s:.*)a_huge")
        cleared = terminal.sent.count(b"\x1b[2J")
        for key, sign in (("h", "@#2"), ("l", "@#3"), ("l", "@#4"), ("g", "@#1"), ("f", "@#3")):
            began = time.monotonic()
            terminal.type(key)
            terminal.wait_for(rf"2 Context {sign}")
            assert time.monotonic() - began < 5
        terminal.type("jj\r")
        terminal.type("b")
        terminal.wait_for("Blame")
        terminal.type("\x1b")
        terminal.wait_for(lambda text: "Blame" not in text)
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        seen = bytes(terminal.sent)
    assert seen.count(b"\x1b[2J") == cleared
    assert [each for each in UNWANTED if each in seen] == []
