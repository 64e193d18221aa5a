"""``sagaz replay batch``: what it selects, shows, runs and reports, and what it refuses."""

from __future__ import annotations

import asyncio
import io
import re
import shlex
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.replay.batch import BatchReplay, BatchSelection
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.batch_shop import BATCH, GOOD, StuckOrder, events, record, words
from tests.cli.command import Command
from tests.cli.shop import Order

MODULES = "tests.cli.shop,tests.cli.batch_shop"
ORDERS = ("--name", "Order")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recorded") / "orders.db")


@pytest.fixture
def store(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGAZ_SAGAS", MODULES)
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


def rows(store: Path) -> list[list[tuple[object, ...]]]:
    """Return everything in the store."""
    with closing(sqlite3.connect(store)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return [sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names]


def selected(command: Command, *arguments: str) -> list[str]:
    """The sagas that a batch with these conditions is about."""
    done = command(*BATCH, *arguments, "--dry-run", "--format", "json")
    return sorted(item["saga_id"] for item in done.json["items"])


# ---------------------------------------------------------------- who is selected


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], ["order_1", "order_2", "order_3", "parcel_7"]),
        (["--name", "Order"], ["order_1", "order_2", "order_3"]),
        (["--name", "P*"], ["parcel_7"]),
        (["--prefix", "order_"], ["order_1", "order_2", "order_3"]),
        (["--tag", "region=south"], ["order_2", "order_3"]),
        (["--failed-step", "send"], ["parcel_7"]),
        (["--error", "token expired"], ["order_1", "order_2", "order_3"]),
        (["--key", "currency=EUR"], ["order_1", "order_2"]),
        (["--key", "amount=99.90", "--key", 'currency:="USD"'], ["order_3"]),
        (["--key", "parcel:=7"], ["parcel_7"]),
        (["--where", "error.contains('no address')"], ["parcel_7"]),
        (["--since", "1h", "--prefix", "parcel"], ["parcel_7"]),
        (["--until", "1h"], []),
        (["--status", "completed", "--from-step", "ship"], ["order_4"]),
    ],
)
def test_every_condition_given_holds_for_those_selected(
    command: Command, conditions: list[str], expected: list[str]
) -> None:
    assert selected(command, *conditions) == expected


@pytest.mark.usefixtures("store")
def test_a_batch_can_be_about_named_sagas_alone(command: Command, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("order_3\nparcel_7\n")
    assert selected(command, "--ids", "ids.txt") == ["order_3", "parcel_7"]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ids", "none.txt"], "cannot read --ids 'none.txt'"),
        (["--ids", "/dev/null"], "--ids '/dev/null' holds no id; write one a line"),
        (["--ids", "-", "--overrides", "-"], "cannot both be read from stdin"),
        (["--status", "broken"], "--status 'broken' is none"),
        (["--tag", "region"], "--tag 'region' is no tag"),
        (["--until", "soon"], "--until 'soon' is no time"),
        (["--key", "currency"], "--key 'currency' is no key and value"),
        (["--key", "currency=@EUR"], "--key 'currency=@EUR' is no key and value"),
        (["--key", "/a/b=1"], "--key '/a/b=1' is no key and value"),
        (["--key", "a:={"], "--key 'a:={' is no key and value"),
        (["--key", "a=1", "--key", "a=2"], "--key a is there twice"),
        (["--where", "context.amount >"], "ends too early"),
        (["--where", "contxt.amount > 1"], "contxt"),
        (["--override", "token"], "'token' is no override"),
        (["--override-file", "none.csv"], "cannot read --override-file 'none.csv'"),
        (["--rate", "0"], "rate is 0"),
        (["--dry-run", "--simulate"], "leave one of them out"),
        (["--concurrency", "0"], "'--concurrency'"),
        (["--stop-after-failures", "0"], "'--stop-after-failures'"),
        (["--factory", "nothing_here:make"], "cannot be imported"),
    ],
)
def test_wrong_usage_ends_with_2_and_runs_nothing(
    command: Command, store: Path, arguments: list[str], said: str
) -> None:
    before = rows(store)
    done = command(*BATCH, *arguments, "--yes")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert rows(store) == before


@pytest.mark.usefixtures("store")
def test_an_expression_that_would_run_for_long_is_stopped_with_a_sentence(
    command: Command, store: Path
) -> None:
    before = rows(store)
    numbers = "[1,2,3,4,5,6,7,8,9,10]"
    expression = "true"
    for name in "abcdefghij":
        expression = f"{numbers}.all({name}, {expression})"
    done = command(*BATCH, "--where", expression, "--yes")
    assert (done.code, done.out) == (2, "")
    assert "the expression" in done.err
    assert done.err.count("\n") == 1
    assert rows(store) == before


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("how", [["--yes"], ["--dry-run"], ["--simulate"]])
def test_where_no_saga_matches_all_is_well(command: Command, store: Path, how: list[str]) -> None:
    before = rows(store)
    done = command(*BATCH, "--prefix", "nobody", *how, "--format", "json")
    assert done.code == 0
    assert (done.json["total"], done.json["items"]) == (0, [])
    assert "sagaz: no saga matches" in words(done)
    assert rows(store) == before


# ---------------------------------------------------------------- what it would do


@pytest.mark.parametrize("format", ["text", "table"])
def test_a_dry_run_shows_how_many_from_where_and_what_changes(
    command: Command, store: Path, format: str
) -> None:
    before = rows(store)
    done = command(*BATCH, *ORDERS, *GOOD, "--dry-run", "--format", format)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["sagas", "3"] in lines
    assert ["would", "run", "3"] in lines
    assert ["from", "charge:", "3"] in lines
    assert "order_1  Order  charge  runs: charge, ship; again: reserve" in done.out
    assert '~ /payment_token  "tok_expired" → "tok_new"' in done.out
    assert rows(store) == before


@pytest.mark.usefixtures("store")
def test_a_dry_run_names_those_that_would_be_skipped_and_why(command: Command) -> None:
    done = command(*BATCH, *GOOD, "--override", "amount=cheap", "--dry-run")
    assert done.code == 1
    lines = [line.split() for line in done.out.splitlines()]
    assert ["would", "run", "1"] in lines
    assert ["skipped", "3"] in lines
    (reason,) = [line for line in done.out.splitlines() if line.startswith("3 skipped: ")]
    assert "/amount is recorded as Decimal" in reason
    assert "    order_3, order_2, order_1" in done.out.splitlines()
    table = command(
        *(*BATCH, *GOOD, "--override", "amount=cheap", "--dry-run", "--format", "table")
    )
    assert "/amount is recorded as Decimal" in table.out


@pytest.mark.usefixtures("store")
def test_a_dry_run_in_json_has_every_plan(command: Command) -> None:
    done = command(*BATCH, *ORDERS, *GOOD, "--dry-run", "--format", "json")
    data = done.json
    assert (data["status"], data["batch_id"], data["total"]) == ("valid", None, 3)
    for item in data["items"]:
        assert (item["state"], item["from_step"]) == ("planned", "charge")
        assert [step["fate"] for step in item["plan"]["steps"]] == ["runs_again", "runs", "runs"]
    ended = [event["done"] for event in events(done) if event["event"] == "item_ended"]
    assert ended == [1, 2, 3]


def test_a_rehearsal_of_all_tells_which_would_succeed_and_writes_nothing(
    command: Command, store: Path
) -> None:
    before = rows(store)
    done = command(*BATCH, "--simulate", "--format", "json")
    assert (done.code, done.json["status"], done.json["batch_id"]) == (1, "invalid", None)
    states = {item["saga_id"]: item["state"] for item in done.json["items"]}
    # The orders borrow from the one that succeeded; no parcel ever did.
    assert states == {
        **{f"order_{number}": "succeeded" for number in (1, 2, 3)},
        "parcel_7": "skipped",
    }
    done = command(*BATCH, *ORDERS, "--simulate")
    assert (done.code, done.out.splitlines()[0].split()) == (
        0,
        ["outcome", "all", "would", "succeed"],
    )
    assert rows(store) == before


def test_without_a_terminal_it_asks_for_a_word_and_runs_nothing(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    before = rows(store)
    done = command(*BATCH, *GOOD)
    assert (done.code, done.out) == (2, "")
    assert "give --yes to run the batch, or --dry-run" in done.err
    assert rows(store) == before


# ---------------------------------------------------------------- what it does


@pytest.mark.usefixtures("store")
def test_it_replays_all_from_their_failed_steps_and_reports(command: Command) -> None:
    done = command(*BATCH, *ORDERS, *GOOD, "--yes", "--reason", "a new card")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["outcome", "completed"] in lines
    assert ["succeeded", "3"] in lines
    for number in (1, 2, 3):
        (entry,) = command("replay", "history", f"order_{number}", "--format", "json").json
        assert (entry["outcome"], entry["reason"]) == ("success", "a new card")
    assert selected(command, *ORDERS) == []


@pytest.mark.usefixtures("store")
def test_without_a_terminal_each_event_is_a_line_of_json(command: Command) -> None:
    done = command(*BATCH, *ORDERS, *GOOD, "--yes", "--format", "json")
    told = events(done)
    assert [told[0]["event"], told[-1]["event"]] == ["batch_started", "batch_ended"]
    assert {event["batch_id"] for event in told} == {done.json["batch_id"]}
    ended = [event for event in told if event["event"] == "item_ended"]
    assert [event["done"] for event in ended] == [1, 2, 3]
    assert {event["total"] for event in told} == {3}
    assert {(event["saga_id"], event["new_saga_id"], event["state"]) for event in ended} == {
        (f"order_{number}", f"order_{number}~r1", "succeeded") for number in (1, 2, 3)
    }


@pytest.mark.usefixtures("store")
def test_each_saga_may_have_overrides_of_its_own(command: Command, tmp_path: Path) -> None:
    (tmp_path / "each.csv").write_text("saga_id,payment_token\norder_1,tok_a\norder_2,tok_b\n")
    done = command(
        *(*BATCH, *ORDERS, "--override-file", "each.csv", "--no-canary", "--yes"),
        *("--format", "json"),
    )
    assert done.code == 1
    states = {item["saga_id"]: item["state"] for item in done.json["items"]}
    assert states == {"order_1": "succeeded", "order_2": "succeeded", "order_3": "failed"}
    assert sum(done.json["failed_by_error"].values()) == 1
    for number, token in ((1, "tok_a"), (2, "tok_b")):
        shown = command("show", f"order_{number}~r1", "--format", "json").json
        assert shown["context"]["payment_token"] == token


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("saga_id", "said"),
    [("order_9", "not in this store"), ("parcel_7", "not among the sagas that this batch replays")],
)
def test_overrides_for_a_saga_that_the_batch_is_not_about_are_refused(
    command: Command, tmp_path: Path, store: Path, saga_id: str, said: str
) -> None:
    before = rows(store)
    (tmp_path / "each.csv").write_text(f"saga_id,payment_token\norder_1,a\n{saga_id},b\n")
    done = command(*BATCH, *ORDERS, "--override-file", "each.csv", "--yes")
    assert (done.code, done.out) == (2, "")
    assert f"there are overrides for '{saga_id}', which is {said}" in done.err
    assert rows(store) == before


@pytest.mark.usefixtures("store")
def test_what_failed_is_grouped_by_error_and_told_what_to_do_about(command: Command) -> None:
    done = command(*BATCH, "--no-canary", "--override", "note=again", "--yes")
    assert done.code == 1
    lines = [line.split() for line in done.out.splitlines()]
    assert ["failed", "4"] in lines
    assert (
        "3 failed: charge: PermissionError: token expired\n"
        "    order_3~r1, order_2~r1, order_1~r1\n"
        "1 failed: send: LookupError: no address for parcel 7\n"
        "    parcel_7~r1\n"
    ) in done.out
    assert any("4 failed again; `sagaz show " in line for line in words(done))


@pytest.mark.usefixtures("store")
def test_a_canary_that_fails_leaves_the_others_alone(command: Command) -> None:
    done = command(*BATCH, *ORDERS, "--override", "note=again", "--yes", "--format", "json")
    assert done.code == 1
    assert (done.json["status"], done.json["failed"], done.json["left"]) == ("stopped", 1, 2)
    batch_id = done.json["batch_id"]
    assert f"sagaz: 2 are left; `sagaz replay batch --resume {batch_id}` goes on with them" in (
        words(done)
    )


# ---------------------------------------------------------------- going on


def begin(command: Command) -> dict[str, Any]:
    """Begin a batch that stops after its first saga, which fails; return its report."""
    done = command(
        *(*BATCH, *ORDERS, "--override", "note=again", "--stop-after-failures", "1"),
        *("--concurrency", "1", "--no-canary", "--yes", "--format", "json"),
    )
    assert (done.code, done.json["failed"], done.json["left"]) == (1, 1, 2)
    return dict(done.json)


@pytest.mark.usefixtures("store")
def test_a_batch_that_was_stopped_goes_on_with_those_that_are_left(command: Command) -> None:
    batch_id = begin(command)["batch_id"]
    done = command(
        *(*BATCH, "--resume", batch_id, "--no-canary", "--stop-after-failures", "9"),
        *("--format", "json"),
    )
    assert done.code == 1
    assert (done.json["batch_id"], done.json["total"], done.json["failed"]) == (batch_id, 3, 3)
    assert len([event for event in events(done) if event["event"] == "item_ended"]) == 2


@pytest.mark.usefixtures("store")
def test_an_unknown_batch_is_named(command: Command) -> None:
    done = command(*BATCH, "--resume", "batch-nothing")
    assert (done.code, done.out) == (3, "")
    assert "no batch 'batch-nothing'" in done.err


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "beside",
    [
        ["--status", "failed"],
        ["--prefix", "order_"],
        ["--override", "a=1"],
        ["--from-step", "charge"],
        ["--compensated", "redo"],
        ["--again"],
        ["--dry-run"],
        ["--reason", "because"],
    ],
)
def test_what_a_batch_began_with_cannot_be_said_again(command: Command, beside: list[str]) -> None:
    done = command(*BATCH, "--resume", "batch-1", *beside)
    assert (done.code, done.out) == (2, "")
    assert f"{beside[0]} and --resume contradict each other" in done.err


@pytest.mark.usefixtures("store")
def test_a_batch_whose_code_has_changed_does_not_go_on(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = begin(command)["batch_id"]

    async def charge_nothing(self: Order, ctx: object) -> None:
        pass

    monkeypatch.setattr(Order, "_charge", charge_nothing)
    before = rows(store)
    done = command(*BATCH, "--resume", batch_id)
    assert (done.code, done.out) == (1, "")
    assert f"the code has changed since {batch_id} began" in done.err
    assert rows(store) == before


@pytest.mark.usefixtures("store")
def test_a_saga_removed_meanwhile_is_skipped_and_said_to_be_gone(
    command: Command, store: Path
) -> None:
    begun = begin(command)
    gone = next(item["saga_id"] for item in begun["items"] if item["state"] == "waiting")

    async def remove() -> None:
        async with SQLiteSnapshotStorage(store) as storage:
            await storage.backend.delete([gone])

    asyncio.run(remove())
    done = command(
        *(*BATCH, "--resume", begun["batch_id"], "--no-canary", "--stop-after-failures", "9"),
        *("--format", "json"),
    )
    (item,) = [item for item in done.json["items"] if item["saga_id"] == gone]
    assert (item["state"], item["reason"]) == ("skipped", "it is not there any more")
    assert done.code == 1


@pytest.mark.usefixtures("store")
def test_a_saga_that_somebody_else_recovered_meanwhile_is_skipped_and_all_is_well(
    command: Command, store: Path
) -> None:
    async def begin_and_stop() -> str:
        async with SQLiteSnapshotStorage(store) as storage:
            selection = BatchSelection(name="Order")
            batch = BatchReplay(storage, selection, context_override={"payment_token": "tok_new"})
            await batch.run(concurrency=1, on_event=lambda event: batch.stop())
            return str(batch.batch_id)

    batch_id = asyncio.run(begin_and_stop())
    other = next(
        saga["saga_id"]
        for saga in command("sagas", "--format", "json").json
        if saga["status"] == "failed" and not saga["recovered_by"] and saga["saga_name"] == "Order"
    )
    assert command("replay", "run", other, "--from-step", "charge", *GOOD).code == 0
    done = command(*BATCH, "--resume", batch_id, "--format", "json")
    states = {item["saga_id"]: item for item in done.json["items"]}
    assert done.code == 0
    assert states[other]["state"] == "skipped"
    assert f"{other}~r1 of this family has succeeded already" in states[other]["reason"]
    assert done.json["succeeded"] == 2


def test_one_in_doubt_waits_for_a_word_and_goes_on_with_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.batch_shop")

    async def record_stuck() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
            await StuckOrder({}, saga_id="stuck_1", snapshot_storage=storage).execute()

    asyncio.run(record_stuck())
    ready = ("--override", "ready:=true")
    assert command(*BATCH, *ready, "--dry-run").code == 1
    done = command(*BATCH, *ready, "--yes", "--format", "json")
    assert (done.code, done.json["in_doubt"], done.json["left"]) == (1, 1, 0)
    (item,) = done.json["items"]
    assert "take" in item["reason"]
    resume = f"sagaz replay batch --resume {done.json['batch_id']}"
    assert any(f"`{resume} --in-doubt retry` (or skip)" in line for line in words(done))
    done = command(*shlex.split(resume)[1:], "--in-doubt", "retry", "--format", "json")
    assert (done.code, done.json["succeeded"]) == (0, 1)


def test_in_production_a_batch_needs_a_reason(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_PRODUCTION", "PROD-EU")
    before = rows(store)
    done = command(*BATCH, *ORDERS, *GOOD, "--yes")
    assert (done.code, done.out) == (2, "")
    assert "--reason" in done.err
    assert rows(store) == before
    assert command(*BATCH, *ORDERS, *GOOD, "--dry-run").code == 0
    assert command(*BATCH, *ORDERS, *GOOD, "--yes", "--reason", "outage").code == 0


@pytest.mark.usefixtures("store")
def test_a_factory_that_hangs_skips_its_sagas_with_the_reason(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    (tmp_path / "hanging_factory.py").write_text(
        "import threading\ndef make(context):\n    threading.Event().wait()\n"
    )
    from sagaz_core.replay.plan import Request

    defaults = Request.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "factory_timeout", 0.05)
    done = command(*BATCH, *ORDERS, "--factory", "hanging_factory:make", "--dry-run")
    assert done.code == 1
    assert "the saga factory has not returned within 0.05 seconds" in done.out


def test_a_read_only_store_takes_a_dry_run_and_no_batch(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_READ_ONLY", "1")
    before = rows(store)
    assert command(*BATCH, *ORDERS, *GOOD, "--dry-run").code == 0
    done = command(*BATCH, *ORDERS, *GOOD, "--yes")
    assert (done.code, done.out) == (4, "")
    assert "opened to look only" in done.err
    assert rows(store) == before


def test_a_batch_never_makes_the_store(command: Command, tmp_path: Path) -> None:
    assert command(*BATCH, "--yes").code == 4
    assert list(tmp_path.iterdir()) == []


README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
WRITTEN = re.findall(r"^\$ sagaz (replay batch .*)$", README, re.MULTILINE)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("line", WRITTEN)
def test_the_commands_of_the_readme_are_taken_as_written(command: Command, line: str) -> None:
    done = command(*shlex.split(line), "--yes")
    # Its gateway and its batch are not in this store.
    assert done.code == (3 if "--resume" in line else 0), done.err
    assert ("no batch" if "--resume" in line else "no saga matches") in done.err


def test_the_readme_shows_the_batch() -> None:
    assert len(WRITTEN) == 3
