"""``sagaz replay run``: the plan, the run, what may be overridden, and how it ends."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import HOSTILE_ID, record_shop

RUN = ("replay", "run", "order_1", "--from-step", "charge")
NEW_TOKEN = ("--override", "payment_token=tok_new")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(record_shop(path))
    return path


@pytest.fixture
def store(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


def rows(store: Path) -> list[list[tuple[object, ...]]]:
    """Return everything in the store."""
    with closing(sqlite3.connect(store)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return [sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names]


# ---------------------------------------------------------------- plans


@pytest.mark.parametrize("format", ["text", "table"])
def test_a_dry_run_shows_the_plan_and_changes_nothing(
    command: Command, store: Path, format: str
) -> None:
    before = rows(store)
    done = command(*RUN, *NEW_TOKEN, "--dry-run", "--format", format)
    assert done.code == 0
    assert "plan        valid" in done.out
    head, reserve, charge, ship = done.out.split("\n\n")[1].splitlines()
    assert head.split() == ["STEP", "FATE", "TOOK", "COMPENSATION"]
    assert re.fullmatch(r"reserve +runs again +\d+ms +_release +undone since by order_1", reserve)
    assert re.fullmatch(r"charge +runs +\d+ms ×2", charge)
    assert ship.split() == ["ship", "runs"]
    assert (
        '~ /payment_token  "tok_expired" → "tok_new"\n    read by charge in the original\n'
    ) in done.out
    assert done.err == ""
    assert rows(store) == before


@pytest.mark.usefixtures("store")
def test_a_dry_run_in_json_has_the_plan_whole(command: Command) -> None:
    done = command(*RUN, "--override", "amount=12.50", "--dry-run", "--format", "json").json
    assert done["status"] == "valid"
    assert done["new_saga_id"] is None
    (change,) = done["plan"]["overrides"]
    assert change["before"] == {"$decimal": "99.90"}
    assert change["after"] == {"$decimal": "12.50"}
    assert change["read_by"] == change["set_by"] == []
    assert change["note"].startswith("no later step of the original ever read or set it")
    reserve, charge, ship = done["plan"]["steps"]
    assert [step["fate"] for step in (reserve, charge, ship)] == ["runs_again", "runs", "runs"]
    assert (reserve["compensation"], reserve["idempotent"]) == ("_release", False)
    assert (charge["attempts"], ship["attempts"]) == (2, None)
    assert charge["duration"] > 0


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--override", "amount=cheap"], "/amount is recorded as Decimal"),
        (["--override", "/cart/0/qty:=1"], "there is no 'cart'"),
        (["--unset", "nothing"], "there is no 'nothing'"),
        (["--compensated", "refuse"], "reserve"),
        (["--override", "reserve=1"], "is the result of step 'reserve'"),
    ],
)
def test_an_invalid_plan_ends_with_1_and_names_the_problem(
    command: Command, store: Path, arguments: list[str], words: str
) -> None:
    before = rows(store)
    for dry in ((), ("--dry-run",)):
        done = command(*RUN, *arguments, *dry)
        assert done.code == 1
        assert "plan        INVALID" in done.out
        assert words in done.out
    assert rows(store) == before


@pytest.mark.usefixtures("store")
def test_another_type_can_be_allowed_by_its_pointer(command: Command) -> None:
    done = command(*RUN, "--override", "amount=cheap", "--allow-type", "/amount", "--dry-run")
    assert done.code == 0
    assert '99.90 Decimal → "cheap" str  TYPE' in done.out


@pytest.mark.usefixtures("store")
def test_without_the_code_the_plan_says_where_to_name_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAGAZ_SAGAS")
    monkeypatch.setattr("sagaz_core.replay.factory.known_sagas", list)
    done = command(*RUN, "--dry-run")
    assert done.code == 1
    assert "--factory module:name" in done.out
    assert "sagaz.toml" in done.out


# ---------------------------------------------------------------- runs


def test_a_replay_runs_as_a_new_saga_and_the_original_stays(command: Command, store: Path) -> None:
    before = command("show", "order_1", "--format", "json").json
    done = command(*RUN, *NEW_TOKEN, "--reason", "a new card")
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["replay", "order_1~r1"]
    assert "success" in done.out
    told = done.err.splitlines()
    assert told[0] == "sagaz: replay order_1~r1 started at charge, from #2"
    assert told[1:] == [
        "sagaz: order_1~r1: running reserve",
        "sagaz: order_1~r1: running charge",
        "sagaz: order_1~r1: running ship",
        "sagaz: order_1~r1: completed",
    ]
    after = command("show", "order_1", "--format", "json").json
    assert after["timeline"] == before["timeline"]
    assert after["recovered_by"] == "order_1~r1"
    (entry,) = command("replay", "history", "order_1", "--format", "json").json
    assert entry["reason"] == "a new card"
    assert entry["outcome"] == "success"
    assert entry["override"] == [
        {"path": "/payment_token", "before": "tok_expired", "after": "tok_new"}
    ]
    assert "a new card" in command("replay", "history", "order_1").out


@pytest.mark.usefixtures("store")
def test_types_survive_the_edit_of_a_sibling_and_the_replay(command: Command) -> None:
    data = command(*RUN, *NEW_TOKEN, "--override", "/lines/0/qty:=5", "--format", "json").json
    assert data["status"] == "success"
    assert data["context"]["amount"] == {"$decimal": "99.90"}
    assert data["context"]["size"] == {"$tuple": [30, 20]}
    assert data["context"]["placed_at"] == {"$datetime": "2024-12-15T10:30:00+00:00"}
    assert data["context"]["lines"][0] == {"sku": "A", "qty": 5}


@pytest.mark.usefixtures("store")
def test_a_replay_that_fails_ends_with_1_and_its_error(command: Command) -> None:
    done = command(*RUN, "--override", "note=still the old card")
    assert done.code == 1
    assert "failed" in done.out
    assert "charge: PermissionError: token expired" in done.out
    assert "sagaz: order_1~r1: undoing reserve by _release\n" in done.err
    assert "sagaz: order_1~r1: undone reserve" in done.err
    data = command(*RUN, "--format", "json")
    assert data.code == 1
    assert (data.json["status"], data.json["compensation"]) == ("failed", "completed")


@pytest.mark.usefixtures("store")
def test_a_forced_failure_undoes_what_was_done(command: Command) -> None:
    done = command("replay", "run", "order_2", "--from-step", "ship", "--force-failure")
    assert done.code == 1
    assert "sagaz: order_2~r1: undone reserve" in done.err


@pytest.mark.usefixtures("store")
def test_the_digest_of_the_plan_that_was_shown_is_held_to(command: Command) -> None:
    plan = command(*RUN, *NEW_TOKEN, "--dry-run", "--format", "json").json["plan"]
    digest = ("--plan-digest", plan["digest"])
    other = command(*RUN, "--override", "payment_token=tok_other", *digest)
    assert (other.code, other.out) == (1, "")
    assert other.err.startswith("sagaz: the plan changed: ")
    assert command(*RUN, *NEW_TOKEN, *digest).code == 0


@pytest.mark.usefixtures("store")
def test_a_checkpoint_can_be_named_exactly(command: Command) -> None:
    timeline = command("show", "order_1", "--format", "json").json["timeline"]
    chosen = timeline[1]["snapshot_id"]
    done = command(*RUN, "--snapshot", chosen, "--dry-run", "--format", "json")
    assert done.json["plan"]["snapshot_id"] == chosen
    assert command(*RUN, "--snapshot", "nope").code == 3


def test_a_read_only_store_takes_a_dry_run_and_no_replay(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_READ_ONLY", "1")
    before = rows(store)
    assert command(*RUN, *NEW_TOKEN, "--dry-run").code == 0
    done = command(*RUN, *NEW_TOKEN)
    assert (done.code, done.out) == (4, "")
    assert "opened to look only" in done.err
    assert rows(store) == before


def test_a_replay_never_makes_the_store(command: Command, tmp_path: Path) -> None:
    assert command(*RUN).code == 4
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- overrides


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "document",
    [
        '{"payment_token": "tok_new", "/lines/0/qty": 3, "amount": 9.90}',
        '["payment_token=tok_new", "/lines/0/qty:=3", "amount=9.90"]',
    ],
)
def test_overrides_come_from_a_file_or_stdin(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    (tmp_path / "overrides.json").write_text(document)
    from_file = command(
        *RUN, "--overrides", "overrides.json", "--dry-run", "--format", "json"
    ).json["plan"]
    monkeypatch.setattr("sys.stdin", io.StringIO(document))
    from_stdin = command(*RUN, "--overrides", "-", "--dry-run", "--format", "json").json["plan"]
    assert from_file == from_stdin
    assert {change["path"]: change["after"] for change in from_file["overrides"]} == {
        "/payment_token": "tok_new",
        "/lines/0/qty": 3,
        "/amount": {"$decimal": "9.90"},
    }


@pytest.mark.usefixtures("store")
def test_a_value_can_come_from_a_file_of_its_own(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tok_new")
    done = command(*RUN, "--override", "payment_token=@token", "--dry-run", "--format", "json")
    assert done.json["plan"]["overrides"][0]["after"] == "tok_new"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--override", "token"], "a text of length 5 without an equals sign; write key=value"),
        (["--override", "k:={"], "is no JSON"),
        (["--override", "k:=NaN"], "NaN"),
        (["--override", "k:=" + "[" * 20_000 + "]" * 20_000], "levels deep"),
        (["--overrides", "missing.json"], "cannot read --overrides 'missing.json'"),
        (["--overrides", "."], "cannot read --overrides '.'"),
        (["--factory", "nothing_here:make"], "cannot be imported"),
        (["--factory", "tests.cli.shop:nothing"], "has no 'nothing'"),
        (["--factory", "tests.cli.shop"], "write it as package.module:name"),
        (["--snapshot"], "Error"),
        (["--compensated", "maybe"], "Error"),
    ],
)
def test_wrong_usage_ends_with_2_and_runs_nothing(
    command: Command, store: Path, arguments: list[str], words: str
) -> None:
    before = rows(store)
    done = command(*RUN, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err
    assert rows(store) == before


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "is no JSON"),
        ("3", "neither an object"),
        ("[1]", "neither an object"),
        ('{"a": Infinity}', "Infinity"),
        ('{"a": ' + "[" * 20_000 + "]" * 20_000 + "}", "levels deep"),
        ('["a"]', "length 1 without an equals sign"),
    ],
)
def test_a_document_of_overrides_that_is_none_ends_with_2(
    command: Command, monkeypatch: pytest.MonkeyPatch, document: str, words: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(document))
    done = command(*RUN, "--overrides", "-")
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["order_9", "--from-step", "charge"], "no saga 'order_9'"),
        (["order_1", "--from-step", "deliver"], "charge"),
    ],
)
def test_an_unknown_saga_or_step_ends_with_3_and_names_what_there_is(
    command: Command, arguments: list[str], words: str
) -> None:
    done = command("replay", "run", *arguments)
    assert (done.code, done.out) == (3, "")
    assert words in done.err
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("store")
def test_a_saga_module_that_cannot_be_imported_is_named_with_its_source(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAGAZ_SAGAS")
    (tmp_path / "broken_sagas.py").write_text("raise RuntimeError('half written')")
    (tmp_path / "sagaz.toml").write_text('sagas = ["broken_sagas"]')
    done = command(*RUN, "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert "'broken_sagas'" in done.err
    assert str(tmp_path / "sagaz.toml") in done.err
    assert "RuntimeError: half written" in done.err
    assert command("show", "order_1").code == 0


@pytest.mark.usefixtures("store")
def test_a_factory_in_the_current_folder_builds_the_saga_and_may_print(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "corner_factory.py").write_text(
        "from tests.cli.shop import Order\n"
        "async def make(context):\n"
        "    print('made here')\n"
        "    return Order(context)\n"
    )
    done = command(*RUN, *NEW_TOKEN, "--factory", "corner_factory:make", "--format", "json")
    assert done.code == 0
    assert done.json["status"] == "success"
    assert "made here" in done.err
    (tmp_path / "sagaz.toml").write_text('factories = { Order = "corner_factory:make" }')
    assert "made here" in command(*RUN, *NEW_TOKEN, "--dry-run").err


@pytest.mark.usefixtures("store")
def test_a_hostile_error_is_told_in_letters_only(command: Command) -> None:
    done = command("replay", "run", HOSTILE_ID, "--from-step", "ship", "--override", "note=x")
    assert done.code == 1
    assert "owned" in done.err
    assert (done.out + done.err).replace("\n", "").isprintable()


# ---------------------------------------------------------------- processes


WAITING = """
import time
from pathlib import Path
from sagaz_core import Saga

class Slow(Saga):
    async def build(self):
        await self.add_step("hold", self.hold, self.give_back)
        await self.add_step("wait", self.wait)
    def hold(self, ctx):
        Path("held").touch()
        return {"held": 1}
    def give_back(self, result, ctx):
        Path("given-back").touch()
    async def wait(self, ctx):
        import asyncio
        if "go" not in ctx:
            raise ValueError("not yet")
        Path("waiting").touch()
        while not Path("finish").exists():
            await asyncio.sleep(0.01)
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A folder with a failed saga whose replay waits in its second step."""
    (tmp_path / "slow_sagas.py").write_text(WAITING)
    (tmp_path / "sagaz.toml").write_text('sagas = ["slow_sagas"]')
    script = (
        "import asyncio\nfrom slow_sagas import Slow\n"
        "from sagaz_core.storage.backends import SQLiteSnapshotStorage\n"
        "asyncio.run(Slow({}, saga_id='slow', "
        "snapshot_storage=SQLiteSnapshotStorage('sagaz.db')).execute())"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    (tmp_path / "held").unlink()
    (tmp_path / "given-back").unlink()
    return tmp_path


def start_waiting(folder: Path) -> subprocess.Popen[str]:
    arguments = ["replay", "run", "slow", "--from-step", "wait", "--override", "go:=true"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sagaz_tui", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("SAGAZ_")},
    )
    deadline = time.monotonic() + 20
    while not (folder / "waiting").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_replay_that_is_told_to_stop_undoes_what_it_did(
    slow: Path, number: signal.Signals
) -> None:
    process = start_waiting(slow)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == ""
    assert "stopping: the step under way is cancelled" in err
    assert "slow~r1 was stopped, and what it had done was undone" in err
    assert "Traceback" not in err
    assert (slow / "given-back").exists()


def test_a_terminal_that_hangs_up_stops_no_replay(slow: Path) -> None:
    process = start_waiting(slow)
    process.send_signal(signal.SIGHUP)
    (slow / "finish").touch()
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "success" in out
    assert not (slow / "given-back").exists()


def test_a_second_replay_at_the_same_time_is_refused(slow: Path, command: Command) -> None:
    process = start_waiting(slow)
    try:
        done = command("replay", "run", "slow", "--from-step", "wait", "--override", "go:=true")
        assert (done.code, done.out) == (1, "")
        assert "slow~r1 of this family is running" in done.err
    finally:
        (slow / "finish").touch()
        process.communicate(timeout=20)
    assert process.returncode == 0


# ---------------------------------------------------------------- as the reference writes it


@pytest.fixture
async def reference(tmp_path: Path) -> Path:
    """A store with the saga ``abc-123`` of December 2024, recorded by another engine."""
    path = tmp_path / "orders.db"
    reserved, charged = ["reserve"], ["reserve", "charge"]
    async with SQLiteSnapshotStorage(path) as store:
        for step, minute, completed in (("charge", 10, reserved), ("ship", 30, charged)):
            await store.save_snapshot(
                SagaSnapshot(
                    saga_id="abc-123",
                    saga_name="Order",
                    kind="before_step",
                    step_name=step,
                    context={"amount": Decimal(5), "payment_token": "tok_old", "lines": []},
                    results={"reserve": {"reservation": "rsv_1"}},
                    completed_steps=completed,
                    created_at=datetime(2024, 12, 15, 10, minute, tzinfo=UTC),
                )
            )
    return path


def test_the_commands_of_the_reference_run_as_written(
    reference: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    storage = ("--storage", "sqlite", "--storage-url", str(reference))

    dry = command("replay", "run", "abc-123", "--from-step", "charge", "--dry-run", *storage)
    assert dry.code == 0, dry.out

    state = command(
        *("replay", "time-travel", "abc-123", "--at", "2024-12-15T10:30:00Z"),
        *("--format", "json", *storage),
    ).json
    assert state["saga_id"] == "abc-123"
    assert state["status"] == "executing"
    assert state["completed_steps"] == ["reserve", "charge"]
    assert state["context"]["payment_token"] == "tok_old"

    everything = command("replay", "list-changes", "abc-123", "--limit", "50", *storage)
    assert [line[:2] for line in everything.out.splitlines() if line[0] == "#"] == ["#1", "#2"]
    that_day = command(
        *("replay", "list-changes", "abc-123", "--after", "2024-12-15T00:00:00Z"),
        *("--before", "2024-12-15T23:59:59Z", "--format", "json", *storage),
    )
    assert [change["sequence"] for change in that_day.json] == [1, 2]

    ran = command(
        *("replay", "run", "abc-123", "--from-step", "charge"),
        *("--override", "payment_token=new_token", *storage),
    )
    assert ran.code == 0, ran.err
    context = json.loads(command("show", "abc-123~r1", "--format", "json", *storage).out)["context"]
    assert context["payment_token"] == "new_token"


# ---------------------------------------------------------------- once


@pytest.mark.usefixtures("store")
def test_a_command_given_twice_with_one_request_id_runs_once(command: Command) -> None:
    first = command(*RUN, *NEW_TOKEN, "--request-id", "ticket-7", "--format", "json")
    second = command(*RUN, *NEW_TOKEN, "--request-id", "ticket-7", "--format", "json")
    assert (first.code, second.code) == (0, 0)
    assert second.json["new_saga_id"] == first.json["new_saga_id"] == "order_1~r1"
    assert second.json["context"] == first.json["context"]
    in_words = command(*RUN, *NEW_TOKEN, "--request-id", "ticket-7")
    assert in_words.code == 0
    assert in_words.out.split()[:2] == ["replay", "order_1~r1"]
    assert command("show", "order_1~r2").code == 3
    (entry,) = command("replay", "history", "order_1", "--format", "json").json
    assert entry["request_id"] == "ticket-7"


@pytest.mark.usefixtures("store")
def test_a_recovered_saga_is_replayed_again_only_if_that_is_said(command: Command) -> None:
    assert command(*RUN, *NEW_TOKEN).code == 0
    refused = command(*RUN, *NEW_TOKEN)
    assert refused.code == 1
    assert "order_1~r1 of this family has succeeded already" in refused.out
    assert "--again" in refused.out
    assert command(*RUN, *NEW_TOKEN, "--again").code == 0
    assert command("show", "order_1~r2").code == 0
