"""A batch that is told to stop: once, twice, by a terminal that hangs up; and going on after."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.batch_shop import environment, program

SAGAS = 4
MODULE = '''
import asyncio
from pathlib import Path
from sagaz_core import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage

class Held(Saga):
    """Holds a place, and waits until the file ``finish`` is there."""

    async def build(self):
        await self.add_step("hold", self.hold, self.give_back)
        await self.add_step("wait", self.wait)

    async def hold(self, ctx):
        note("held", ctx)
        return {"held": 1}

    async def give_back(self, result, ctx):
        note("given-back", ctx)

    async def wait(self, ctx):
        if "go" not in ctx:
            raise ValueError("not yet")
        note("waiting", ctx)
        while not Path("finish").exists():
            await asyncio.sleep(0.01)

def note(what, ctx):
    with open("ledger", "a") as file:
        file.write(f"{what} {ctx['number']}\\n")

async def record(count):
    async with SQLiteSnapshotStorage("sagaz.db") as store:
        for number in range(count):
            await Held(
                {"number": number}, saga_id=f"held_{number}", snapshot_storage=store
            ).execute()
'''


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The store of failed sagas whose replays wait in their second step."""
    folder = tmp_path_factory.mktemp("held")
    (folder / "held_sagas.py").write_text(MODULE)
    script = f"import asyncio, held_sagas; asyncio.run(held_sagas.record({SAGAS}))"
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    return (folder / "sagaz.db").read_bytes()


@pytest.fixture
def folder(recorded: bytes, tmp_path: Path) -> Path:
    (tmp_path / "held_sagas.py").write_text(MODULE)
    (tmp_path / "sagaz.toml").write_text('sagas = ["held_sagas"]')
    (tmp_path / "sagaz.db").write_bytes(recorded)
    return tmp_path


def effects(folder: Path) -> Counter[str]:
    """How many times each effect was had."""
    ledger = folder / "ledger"
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return Counter(line.split()[0] for line in lines)


class Batch:
    """A batch in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            program("replay", "batch", *arguments, "--format", "json"),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.said: list[str] = []

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_for_words(self, words: str) -> None:
        """Read what it says until it says this."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if words in line:
                return
        raise AssertionError(f"never said {words!r}: {''.join(self.said)}")

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and its stdout."""
        out, err = self.process.communicate(timeout=30)
        self.said.append(err)
        assert "Traceback" not in self.stderr
        return self.process.returncode, out

    @property
    def stderr(self) -> str:
        return "".join(self.said)


@pytest.fixture
def two_waiting(folder: Path) -> Iterator[Batch]:
    """A batch whose first two replays wait, and whose other two have not begun."""
    batch = Batch(folder, "--override", "go:=true", "--concurrency", "2", "--no-canary", "--yes")
    deadline = time.monotonic() + 30
    while effects(folder)["waiting"] < 2:
        assert batch.process.poll() is None, batch.end()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield batch
    if batch.process.poll() is None:
        batch.process.kill()
        batch.process.communicate()


def states(report: dict[str, Any]) -> Counter[str]:
    return Counter(item["state"] for item in report["items"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_once_it_finishes_what_is_under_way_and_resuming_does_the_rest(
    folder: Path, two_waiting: Batch, number: signal.Signals
) -> None:
    two_waiting.send(number)
    two_waiting.wait_for_words("stopping when those under way have ended")
    (folder / "finish").touch()
    code, out = two_waiting.end()
    report = json.loads(out)
    assert (code, report["status"]) == (1, "stopped")
    assert states(report) == {"succeeded": 2, "waiting": 2}
    resume = f"sagaz replay batch --resume {report['batch_id']}"
    assert f"2 are left; `{resume}` goes on with them" in two_waiting.stderr
    assert effects(folder)["waiting"] == 2

    code, out = Batch(folder, "--resume", report["batch_id"]).end()
    assert code == 0
    assert states(json.loads(out)) == {"succeeded": SAGAS}
    assert effects(folder) == {"held": SAGAS, "waiting": SAGAS}


def test_told_twice_it_cancels_what_is_under_way_which_is_undone(
    folder: Path, two_waiting: Batch
) -> None:
    before = effects(folder)
    two_waiting.send(signal.SIGINT)
    two_waiting.wait_for_words("stopping when those under way have ended")
    two_waiting.send(signal.SIGINT)
    code, out = two_waiting.end()
    assert (code, out) == (1, "")
    assert "cancelling: the steps under way are cancelled" in two_waiting.stderr
    assert effects(folder)["given-back"] - before["given-back"] == 2
    batch_id = json.loads(
        next(line for line in two_waiting.stderr.splitlines() if line.startswith("{"))
    )["batch_id"]
    assert f"`sagaz replay batch --resume {batch_id}` goes on" in two_waiting.stderr

    (folder / "finish").touch()
    code, out = Batch(folder, "--resume", batch_id, "--no-canary").end()
    assert code == 1
    assert states(json.loads(out)) == {"failed": 2, "succeeded": 2}
    assert effects(folder)["waiting"] == 4


def test_a_terminal_that_hangs_up_stops_nothing(folder: Path, two_waiting: Batch) -> None:
    two_waiting.send(signal.SIGHUP)
    (folder / "finish").touch()
    code, out = two_waiting.end()
    assert code == 0
    assert states(json.loads(out)) == {"succeeded": SAGAS}
