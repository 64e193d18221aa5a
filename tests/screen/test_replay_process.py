"""A replay's process: its own session, nothing secret where others can read it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import ReplayLogEntry
from sagaz_core.replay.overrides import parse_override
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.replaying import process as replay_process
from sagaz_tui.replaying.process import (
    ReplayNotStartedError,
    ReplayRequest,
    command,
    last_words,
    launch,
    start_replay,
)
from sagaz_tui.settings import Settings

SECRET = "tok_do_not_show"
DEFAULTS = Settings()
REQUEST = ReplayRequest("order_7", "charge", overrides=(parse_override(f"token={SECRET}"),))
TELL = """
import json, os, sys
print(json.dumps({
    "stdin": sys.stdin.read(), "argv": sys.argv[1:], "cwd": os.getcwd(),
    "leads": os.getsid(0) == os.getpid(), "url": os.environ["SAGAZ_STORAGE_URL"],
}))
print("and a word", file=sys.stderr)
"""


def run_instead(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let the process run a script in place of the program."""
    monkeypatch.setattr(
        replay_process,
        "command",
        lambda *request: [sys.executable, "-c", script, *command(*request)],
    )


def start(
    log: Path, request: ReplayRequest = REQUEST, settings: Settings = DEFAULTS
) -> subprocess.Popen[bytes]:
    """Start the process, its output going to a file."""
    return launch(settings, request, "digest", "screen-1", log)


def test_the_process_leads_a_session_and_gets_its_values_over_stdin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import json

    run_instead(monkeypatch, TELL)
    settings = Settings(storage_url="redis://:hunter2@host")
    log = tmp_path / "log"
    start(log, settings=settings).wait(timeout=10)
    first, last = log.read_text().splitlines()
    told = json.loads(first)
    assert json.loads(told["stdin"]) == [f"token={SECRET}"]
    assert told["leads"]
    assert told["cwd"] == os.getcwd()
    assert told["url"] == settings.storage_url
    assert SECRET not in str(told["argv"])
    assert "hunter2" not in str(told["argv"])
    assert last == "and a word"


def test_output_goes_where_only_this_user_can_look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_instead(monkeypatch, "")
    start(tmp_path / "log").wait(timeout=10)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_a_process_that_does_not_read_is_no_error_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_instead(monkeypatch, "import os; os.close(0)")
    large = ReplayRequest("order_7", "charge", (parse_override("k=" + "x" * 1_000_000),))
    assert start(tmp_path / "log", large).wait(timeout=10) == 0


def test_values_stand_with_their_option_whatever_they_begin_with() -> None:
    odd = ReplayRequest(
        *("--help", "-step"),
        snapshot_id="-s",
        allow_type=("/-x",),
        in_doubt="skip",
        reason="-r",
    )
    words = command(odd, "-d", "-q")
    assert words[-2:] == ["--", "--help"]
    assert {"--from-step=-step", "--snapshot=-s", "--allow-type=/-x", "--plan-digest=-d"} < set(
        words
    )
    assert {"--in-doubt=skip", "--reason=-r", "--request-id=-q"} < set(words)


async def test_a_replay_that_does_not_begin_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        with pytest.raises(ReplayNotStartedError, match="no saga 'order_7' in") as caught:
            await start_replay(
                storage, Settings(storage_url="sqlite:///sagaz.db"), REQUEST, "0" * 64
            )
        assert "no saga 'order_7'" in caught.value.log.read_text()


async def test_a_store_out_of_reach_is_waited_for_before_anything_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, "exit('sagaz: no such step')")
    monkeypatch.chdir(tmp_path)
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        silences = iter([StorageUnavailableError("gone")] * 2)

        async def list_replays(saga_id: str) -> list[ReplayLogEntry]:
            for error in silences:
                raise error
            return []

        monkeypatch.setattr(storage, "list_replays", list_replays)
        monkeypatch.setattr(subprocess.Popen, "poll", lambda process: 0)
        with pytest.raises(ReplayNotStartedError):
            await start_replay(storage, DEFAULTS, REQUEST, "0" * 64)
        assert next(silences, None) is None


def test_the_last_words_are_complaints_where_there_are_any(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("STEP  FATE\nproblem: /cart is missing\nsagaz: nothing has run\n\n")
    assert last_words(log) == "/cart is missing nothing has run"
    log.write_text("Traceback\nKeyError: 'x'\n")
    assert last_words(log) == "Traceback KeyError: 'x'"
    log.write_text("")
    assert "without a word" in last_words(log)


def test_no_process_is_left_behind_as_a_zombie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_instead(monkeypatch, "")
    process = start(tmp_path / "log")
    for _ in range(500):
        found = subprocess.run(["ps", "-o", "stat=", "-p", str(process.pid)], capture_output=True)
        if not found.stdout.strip():
            return
    raise AssertionError("the process was never waited for")
