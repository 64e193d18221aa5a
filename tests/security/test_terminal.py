"""No command passes on to a terminal what a store, or an argument, tells it to do.

Without it, a customer's name could clear the screen of who looks for the failure, put a command
on the clipboard, hide a line, or make the terminal type what it was asked.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from sagaz_core.model import Masked, PlannedOverride, ReplayLogEntry, SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.__main__ import run
from sagaz_tui.showing.python_source import python_source
from tests.cli.command import Command
from tests.cli.conftest import _nobodys_settings, command  # noqa: F401
from tests.security.hostile import EVIL, PRINTED, PRINTING_NOTHING, hostile_file

ROOT: Final = Path(__file__).parents[2]
LATER: Final = ("--at", "2100-01-01T00:00:00Z")
REPLAY: Final = ("replay", "run", "o1", "--from-step", EVIL)
COMMANDS: Final = (
    ("sagas",),
    ("sagas", "--tag", f"{PRINTED}={PRINTED}"),
    ("show", "o1"),
    ("show", f"o{PRINTED}"),
    ("diff", "o1", "1", "3"),
    ("blame", "o1", EVIL),
    ("blame", "o1", "deep"),
    ("compare", "o1", "o2"),
    ("lineage", "o1"),
    ("search", "o1", "error != ''"),
    ("replay", "time-travel", "o1", *LATER),
    ("replay", "time-travel", "o1", *LATER, "--key", "deep"),
    ("replay", "list-changes", "o1"),
    ("replay", "history", "o1"),
    ("replay", "history"),
    (*REPLAY, "--dry-run"),
    (*REPLAY, "--override", f"{EVIL}={EVIL}", "--reason", EVIL, "--dry-run"),
    (*REPLAY,),
    ("replay", "batch", "--prefix", "o", "--dry-run"),
    ("audit",),
    ("audit", "events", "o1"),
    ("audit", "report", "o1", *LATER),
    ("audit", "verify"),
    ("audit", "verify", "--head"),
    ("hold",),
    ("hold", "o2", "--reason", EVIL),
    ("forget", "o2", "--yes"),
    ("resume", "o1"),
    ("keys", "list"),
    ("doctor", "--deep"),
    ("prune", "--dry-run"),
    ("config",),
    ("export", "o1", "-o", "{tmp}/a\x1b[2J.sagaz"),
    ("export", "o1", "-o", "{tmp}/test_a.py", "--pytest"),
    ("copy", "--from", "{tmp}/a\x1b[2J.sagaz", "--to", "{tmp}/\x1b[2J.db"),
    ("import", "{tmp}/a\x1b[2J.sagaz"),
)
WRONG: Final = (
    ("show", EVIL),
    ("show", "o1", EVIL),
    ("diff", "o1", EVIL, "1"),
    ("compare", "o1", EVIL),
    ("search", "o1", EVIL),
    ("sagas", "--tag", EVIL),
    ("sagas", "--where", EVIL),
    ("sagas", "--since", EVIL),
    ("sagas", "--status", EVIL),
    ("replay", "time-travel", "o1", "--at", EVIL),
    (*REPLAY, "--override", EVIL),
    (*REPLAY, "--factory", EVIL),
    (*REPLAY, f"--{EVIL}"),
    ("import", EVIL),
    ("export", "o1", "-o", f"/no/{EVIL}"),
    (EVIL,),
)
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
"""What Rich draws a table's frame and title with."""
CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(hostile_file(tmp_path_factory.mktemp("hostile") / "sagaz.db"))


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


def assert_harmless(text: str) -> None:
    """See that every line of what was written prints."""
    for line in text.split("\n"):
        assert line.isprintable(), repr(line)
        assert not PRINTING_NOTHING & set(line), repr(line)
    assert "\nsagaz: all is well" not in text


def test_no_command_writes_what_acts_on_the_terminal(
    command: Command,  # noqa: F811
    store: Path,
) -> None:
    """Without it, a name could clear the screen, fill the clipboard or type a command."""
    told = 0
    for arguments in (*COMMANDS, *WRONG):
        formats = ("text", "json", "table", *(("csv",) if arguments == ("audit",) else ()))
        for format in formats:
            given = [each.replace("{tmp}", str(store.parent)) for each in arguments]
            done = command(*given, "--storage-url", str(store), "--format", format)
            assert_harmless(done.out)
            if done.err.startswith("Usage:"):
                # Typer says back the argument that was typed, its controls as letters.
                assert not CONTROLS.search(done.err)
            else:
                assert_harmless(done.err)
            told += "\\x1b]52;" in done.out or "\\u001b]52;" in done.out
            refused = "'--format'" in done.err or "No such" in done.err
            if format == "json" and done.out and not refused and "--head" not in arguments:
                json.loads(done.out)
    # It is told, and not left out.
    assert told > 40


def test_nor_does_one_that_writes_to_a_terminal(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, Rich would take a name for markup, and a link in it for one of ours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    told = framed = 0
    for arguments in COMMANDS[:24]:
        for format in ("text", "table"):
            run([*arguments, "--storage-url", str(store), "--format", format])
            out = COLOURS.sub("", capsys.readouterr().out)
            assert_harmless(out)
            told += "@click" in out
            framed += "━" in out or "─" in out
    assert told > 20
    assert framed > 8


FORMULAS: Final = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "＝1+1")


async def test_a_spreadsheet_calculates_nothing_that_was_recorded(tmp_path: Path) -> None:
    """Without it, a reason of `=cmd|…` would run a program on the auditor's machine."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        for number, formula in enumerate(FORMULAS):
            saga_id = formula if formula.isprintable() else f"o{number}"
            await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name=formula))
            await storage.save_replay_log(
                ReplayLogEntry(
                    replay_id=f"{saga_id}~r1",
                    original_saga_id=saga_id,
                    from_step=formula,
                    snapshot_id=formula,
                    sequence=1,
                    override=(PlannedOverride(path=formula, before=formula, after=formula),),
                    initiated_by=formula,
                    reason=formula,
                    request_id=formula,
                    error_message=formula,
                )
            )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "sagaz_tui", "audit", "--format", "csv"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert len(rows) == len(FORMULAS)
    for row in rows:
        assert len(row) == len(header)
        for cell in row:
            assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠")), cell
    assert sum(cell.startswith("'") for row in rows for cell in row) >= 5 * len(FORMULAS)


def test_a_regression_test_holds_what_was_recorded_as_text() -> None:
    """Without it, a value could end its text and go on as code that pytest runs."""
    for value in (EVIL, "'); import os; ('", '"""', "\\", "\\'"):
        for nested in (value, {value: [value, (value,)]}, {"a": {value: {value}}}):
            source = python_source(nested)
            assert source.isascii()
            assert_harmless(source)
            assert eval(source, {"__builtins__": {"set": set}}) == nested
    hidden = Masked(3, b"f" * 16)
    assert python_source({EVIL: hidden}).endswith("),\n}")
    assert python_source({EVIL: hidden}).isascii()
