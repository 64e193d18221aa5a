"""A replay that is told to stop: while it plans, while it runs, and again while it undoes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command

VISITS = """
import asyncio
import threading
from pathlib import Path
from sagaz_core import Saga

def note(words):
    with open("ledger", "a") as ledger:
        ledger.write(f"{words}\\n")

async def wait_for(name):
    while not Path(name).exists():
        await asyncio.sleep(0.01)

class Visit(Saga):
    async def build(self):
        await self.add_step("open", self.open, self.close)
        await self.add_step("stay", self.stay)
        await self.add_step("leave", self.leave)
    async def open(self, ctx):
        note("opened")
    async def close(self, result, ctx):
        Path("closing").touch()
        if "wait" in ctx:
            await wait_for("may-close")
        note("closed")
    async def stay(self, ctx):
        if "wait" not in ctx:
            raise ValueError("nobody waits")
        Path("staying").touch()
        await wait_for("may-go")
        note("stayed")
    async def leave(self, ctx):
        note("left")

def hang(context):
    Path("hanging").touch()
    threading.Event().wait()
"""
RECORD = """
import asyncio
from visits import Visit
from sagaz_core.storage.backends import SQLiteSnapshotStorage
asyncio.run(Visit({}, saga_id="v", snapshot_storage=SQLiteSnapshotStorage("sagaz.db")).execute())
"""
RUN = ("replay", "run", "v", "--from-step", "stay", "--override", "wait:=true")
PATIENCE = 30.0


class Started:
    """A command as a process of its own in a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sagaz_tui", *arguments],
                cwd=folder,
                stdout=out,
                stderr=err,
                env={
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith("SAGAZ")
                },
            )

    @property
    def err(self) -> str:
        """What it has said so far."""
        return (self.folder / "err").read_text()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.err
            assert time.monotonic() < deadline, self.err
            time.sleep(0.01)

    def until_there(self, name: str) -> None:
        self.until((self.folder / name).exists)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait until it has ended; it has no more to say then."""
        code = self.process.wait(PATIENCE)
        assert (self.folder / "out").read_text() == ""
        assert "Traceback" not in self.err
        return code


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a failed saga whose replay stays in its second step until it may go."""
    (tmp_path / "visits.py").write_text(VISITS)
    (tmp_path / "sagaz.toml").write_text('sagas = ["visits"]')
    subprocess.run([sys.executable, "-c", RECORD], cwd=tmp_path, check=True)
    for name in ("ledger", "closing"):
        (tmp_path / name).unlink()
    yield tmp_path
    for name in ("may-close", "may-go"):
        (tmp_path / name).touch()


def ledger(folder: Path) -> list[str]:
    path = folder / "ledger"
    return path.read_text().splitlines() if path.exists() else []


def replays(command: Command) -> list[tuple[str, str]]:
    done = command("replay", "history", "v", "--format", "json")
    return [(entry["replay_id"], entry["outcome"]) for entry in done.json]


def test_told_to_stop_again_while_it_undoes_it_goes_on_undoing_and_says_so(
    folder: Path, command: Command
) -> None:
    started = Started(folder, *RUN)
    started.until_there("staying")
    started.interrupt()
    started.until_there("closing")
    started.interrupt()
    started.until(lambda: "still undoing; killing this process would leave" in started.err)
    (folder / "may-close").touch()
    assert started.end() == 1
    assert "v~r1 was stopped, and what it had done was undone" in started.err
    assert ledger(folder) == ["opened", "closed"]

    (folder / "may-go").touch()
    assert command(*RUN).code == 0
    assert ledger(folder) == ["opened", "closed", "opened", "stayed", "left"]
    assert replays(command) == [("v~r2", "success"), ("v~r1", "failed")]


def test_asked_to_stop_after_the_step_it_lets_that_step_end_and_undoes_what_was_done(
    folder: Path, command: Command
) -> None:
    started = Started(folder, *RUN)
    started.until_there("staying")
    started.interrupt(signal.SIGUSR1)
    started.until(lambda: "stopping once the step under way has ended" in started.err)
    started.interrupt(signal.SIGUSR1)
    started.until(lambda: "there is no step to stop after" in started.err)
    for name in ("may-go", "may-close"):
        (folder / name).touch()
    assert started.process.wait(PATIENCE) == 1
    said = (folder / "out").read_text()
    assert "RunStoppedError: asked to stop after the steps under way" in said
    assert ledger(folder) == ["opened", "stayed", "closed"]
    assert replays(command) == [("v~r1", "failed")]


@pytest.mark.parametrize(
    ("look", "code", "words"),
    [
        ((), 1, "stopped before anything ran"),
        (("--dry-run",), 130, ""),
        (("--simulate",), 130, ""),
    ],
)
def test_told_to_stop_while_the_sagas_code_hangs_it_ends_and_nothing_was_run(
    folder: Path, command: Command, look: tuple[str, ...], code: int, words: str
) -> None:
    started = Started(folder, *RUN, *look, "--factory", "visits:hang")
    started.until_there("hanging")
    started.interrupt()
    assert started.end() == code
    assert words in started.err
    assert (ledger(folder), replays(command)) == ([], [])


def test_a_terminal_that_hangs_up_while_it_plans_does_not_stop_it(folder: Path) -> None:
    (folder / "may-go").touch()
    (folder / "visits.py").write_text(
        VISITS.replace(
            "threading.Event().wait()", "asyncio.run(wait_for('may-plan')); return Visit(context)"
        )
    )
    started = Started(folder, *RUN, "--factory", "visits:hang")
    started.until_there("hanging")
    started.interrupt(signal.SIGHUP)
    (folder / "may-plan").touch()
    assert started.process.wait(PATIENCE) == 0
    assert ledger(folder) == ["opened", "stayed", "left"]
