"""``sagaz resume``: a saga whose process was killed goes on in the same saga."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from sagaz_core.storage.url import open_storage
from tests.cli.command import Command

ERRANDS = """
import asyncio
from pathlib import Path
from sagaz_core import Saga

def note(words):
    with open("ledger", "a") as ledger:
        ledger.write(f"{words}\\n")

class Errand(Saga):
    idempotent = False
    async def build(self):
        await self.add_step("fetch", self.fetch, self.bring_back)
        await self.add_step("wait", self.wait, self.unwait, idempotent=self.idempotent)
        await self.add_step("hand_over", self.hand_over)
    async def fetch(self, ctx):
        note("fetch")
        ctx["fetched"] = True
        return {"item": 7}
    async def bring_back(self, result, ctx):
        note(f"bring back {result['item']}")
    async def wait(self, ctx):
        note(f"wait {ctx.idempotency_key}")
        Path("waiting").touch()
        while not Path("finish").exists():
            await asyncio.sleep(0.01)
        return {"waited": True}
    async def unwait(self, result, ctx):
        note("unwait")
    async def hand_over(self, ctx):
        note(f"hand over {ctx['fetch']['item']}")

class SafeErrand(Errand):
    idempotent = True
"""
RUN = """
import asyncio, sys
import errands
from sagaz_core.saga import recording
from sagaz_core.storage.url import open_storage

recording.LEASE_TERM = 0.3
saga = getattr(errands, sys.argv[1])
asyncio.run(saga({}, saga_id="e", snapshot_storage=open_storage(sys.argv[2])).execute())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "errands.py").write_text(ERRANDS)
    (tmp_path / "sagaz.toml").write_text('sagas = ["errands"]')
    monkeypatch.delitem(sys.modules, "errands", raising=False)
    return tmp_path


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a process and return once the errand waits in the middle of its second step."""
    (folder / "waiting").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("SAGAZ_")},
    )
    deadline = time.monotonic() + 30
    while not (folder / "waiting").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def killed_while_waiting(folder: Path, saga: str, url: str = "sqlite:///sagaz.db") -> None:
    """Run an errand, kill it with ``kill -9`` in its second step, and wait until that is known."""
    process = started(folder, "-c", RUN, saga, url)
    process.kill()
    process.communicate()

    async def lapsed() -> None:
        async with open_storage(url) as store:
            cursor = None
            while (found := await store.get_saga("e")) is None or found.status != "interrupted":
                # A lease lapses without a change to tell of it.
                cursor = await store.wait(cursor, 0.05)

    asyncio.run(asyncio.wait_for(lapsed(), 30))


def sagaz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sagaz_tui", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def ledger(folder: Path) -> list[str]:
    return (folder / "ledger").read_text().splitlines()


def test_a_saga_killed_in_the_middle_of_a_step_is_gone_on_with(
    folder: Path, command: Command
) -> None:
    killed_while_waiting(folder, "SafeErrand")
    (folder / "finish").touch()
    assert "sagaz resume e" in command("show", "e").out
    done = command("resume", "e", "--reason", "the host died")
    assert done.code == 0, done.err
    assert ledger(folder) == ["fetch", "wait e:wait", "wait e:wait", "hand over 7"]
    assert done.out.split() == ["saga", "e", "outcome", "success", "took", done.out.split()[-1]]
    assert "e: checkpoint resumed by " in done.err
    assert "e: running hand_over" in done.err
    assert "e: running fetch" not in done.err
    assert "sagaz resume" not in command("show", "e").out
    events = command("audit", "events", "e", "--format", "json").json
    assert [each["event"] for each in events] == ["resumed", "resume ended"]
    assert events[0]["details"]["reason"] == "the host died"
    assert events[1]["details"] == {"outcome": "success"}
    again = command("resume", "e")
    assert (again.code, again.out) == (1, "")
    assert "saga 'e' has completed" in again.err


def test_it_is_gone_on_with_on_redis(folder: Path, redis_url: str) -> None:
    url = f"{redis_url}?key_prefix={uuid4()}:"
    killed_while_waiting(folder, "Errand", url)
    (folder / "finish").touch()
    asked = sagaz(folder, "resume", "e", "--storage-url", url)
    assert (asked.returncode, ledger(folder)) == (1, ["fetch", "wait e:wait"])
    done = sagaz(folder, "resume", "e", "--storage-url", url, "--in-doubt", "skip")
    assert done.returncode == 0, done.stderr
    assert ledger(folder) == ["fetch", "wait e:wait", "hand over 7"]


def test_what_may_have_happened_is_asked_for_and_nothing_runs(
    folder: Path, command: Command
) -> None:
    killed_while_waiting(folder, "Errand")
    store = (folder / "sagaz.db").read_bytes()
    done = command("resume", "e")
    assert (done.code, done.out) == (1, "")
    assert "'wait' was under way" in done.err.replace("\nsagaz: ", " ")
    assert "--in-doubt skip" in done.err.replace("\nsagaz: ", " ")
    assert (folder / "sagaz.db").read_bytes() == store
    assert command("resume", "e", "--format", "json").json["status"] == "invalid"
    done = command("resume", "e", "--in-doubt", "skip", "--format", "json")
    assert done.code == 0, done.err
    assert (done.json["status"], done.json["new_saga_id"]) == ("success", "e")
    assert Counter(ledger(folder)) == {"fetch": 1, "wait e:wait": 1, "hand over 7": 1}


def test_a_resumed_saga_can_be_killed_and_resumed_again(folder: Path) -> None:
    killed_while_waiting(folder, "SafeErrand")
    short = (
        "import sys\nfrom sagaz_core.saga import recording\nrecording.LEASE_TERM = 0.3\n"
        "from sagaz_tui.__main__ import run\nsys.exit(run(sys.argv[1:]))"
    )
    process = started(folder, "-c", short, "resume", "e")
    process.kill()
    process.communicate()
    (folder / "finish").touch()
    deadline = time.monotonic() + 30
    while True:
        done = sagaz(folder, "resume", "e")
        if done.returncode == 0:
            break
        assert "e of this family is running" in done.stderr, done.stderr
        assert time.monotonic() < deadline
    assert Counter(ledger(folder)) == {"fetch": 1, "wait e:wait": 3, "hand over 7": 1}


def test_a_resumed_saga_that_is_told_to_stop_undoes_what_it_did(folder: Path) -> None:
    killed_while_waiting(folder, "SafeErrand")
    process = started(folder, "-m", "sagaz_tui", "resume", "e")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert "e was stopped, and what it had done was undone" in err.replace("\nsagaz: ", " ")
    assert ledger(folder)[-1] == "bring back 7"


def test_a_resumed_saga_asked_to_stop_lets_its_step_end_and_undoes_what_it_did(
    folder: Path,
) -> None:
    killed_while_waiting(folder, "SafeErrand")
    process = started(folder, "-m", "sagaz_tui", "resume", "e")
    process.send_signal(signal.SIGUSR1)
    assert process.stderr is not None
    while "stopping once the step under way has ended" not in process.stderr.readline():
        assert process.poll() is None
    (folder / "finish").touch()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "asked to stop after the steps under way" in out
    assert ledger(folder)[-2:] == ["unwait", "bring back 7"]


def test_a_saga_that_is_not_there_is_not_found(folder: Path, command: Command) -> None:
    killed_while_waiting(folder, "Errand")
    assert command("resume", "f").code == 3


def test_a_saga_whose_code_is_not_known_says_how_to_name_it(folder: Path) -> None:
    killed_while_waiting(folder, "Errand")
    (folder / "sagaz.toml").unlink()
    (folder / "finish").touch()
    done = sagaz(folder, "resume", "e")
    assert (done.returncode, done.stdout) == (1, "")
    words = done.stderr.replace("\nsagaz: ", " ")
    assert "saga 'e' cannot be resumed: no class 'Errand'" in words
    assert "--factory module:name" in words
    done = sagaz(folder, "resume", "e", "--factory", "errands:Errand", "--in-doubt", "retry")
    assert done.returncode == 0, done.stderr
