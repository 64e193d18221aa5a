"""``sagaz replay batch``: what it shows, runs and reports."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.cli.batch_shop import BATCH, GOOD, ORDERS, events, rows, selected, words
from tests.cli.command import Command

# ---------------------------------------------------------------- what it would do


@pytest.mark.parametrize("format", ["text", "table"])
def test_a_dry_run_shows_how_many_from_where_and_what_changes(
    command: Command, orders_store: Path, format: str
) -> None:
    before = rows(orders_store)
    done = command(*BATCH, *ORDERS, *GOOD, "--dry-run", "--format", format)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["sagas", "3"] in lines
    assert ["would", "run", "3"] in lines
    assert ["from", "charge:", "3"] in lines
    assert "order_1  Order  charge  runs: charge, ship; again: reserve" in done.out
    assert '~ /payment_token  "tok_expired" → "tok_new"' in done.out
    assert rows(orders_store) == before


@pytest.mark.usefixtures("orders_store")
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


@pytest.mark.usefixtures("orders_store")
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
    command: Command, orders_store: Path
) -> None:
    before = rows(orders_store)
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
    assert rows(orders_store) == before


def test_without_a_terminal_it_asks_for_a_word_and_runs_nothing(
    command: Command, orders_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    before = rows(orders_store)
    done = command(*BATCH, *GOOD)
    assert (done.code, done.out) == (2, "")
    assert "give --yes to run the batch, or --dry-run" in done.err
    assert rows(orders_store) == before


# ---------------------------------------------------------------- what it does


@pytest.mark.usefixtures("orders_store")
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


@pytest.mark.usefixtures("orders_store")
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


@pytest.mark.usefixtures("orders_store")
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


@pytest.mark.usefixtures("orders_store")
@pytest.mark.parametrize(
    ("saga_id", "said"),
    [("order_9", "not in this store"), ("parcel_7", "not among the sagas that this batch replays")],
)
def test_overrides_for_a_saga_that_the_batch_is_not_about_are_refused(
    command: Command, tmp_path: Path, orders_store: Path, saga_id: str, said: str
) -> None:
    before = rows(orders_store)
    (tmp_path / "each.csv").write_text(f"saga_id,payment_token\norder_1,a\n{saga_id},b\n")
    done = command(*BATCH, *ORDERS, "--override-file", "each.csv", "--yes")
    assert (done.code, done.out) == (2, "")
    assert f"there are overrides for '{saga_id}', which is {said}" in done.err
    assert rows(orders_store) == before


@pytest.mark.usefixtures("orders_store")
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


@pytest.mark.usefixtures("orders_store")
def test_a_canary_that_fails_leaves_the_others_alone(command: Command) -> None:
    done = command(*BATCH, *ORDERS, "--override", "note=again", "--yes", "--format", "json")
    assert done.code == 1
    assert (done.json["status"], done.json["failed"], done.json["left"]) == ("stopped", 1, 2)
    batch_id = done.json["batch_id"]
    assert f"sagaz: 2 are left; `sagaz replay batch --resume {batch_id}` goes on with them" in (
        words(done)
    )


def test_in_production_a_batch_needs_a_reason(
    command: Command, orders_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_PRODUCTION", "PROD-EU")
    before = rows(orders_store)
    done = command(*BATCH, *ORDERS, *GOOD, "--yes")
    assert (done.code, done.out) == (2, "")
    assert "--reason" in done.err
    assert rows(orders_store) == before
    assert command(*BATCH, *ORDERS, *GOOD, "--dry-run").code == 0
    assert command(*BATCH, *ORDERS, *GOOD, "--yes", "--reason", "outage").code == 0


@pytest.mark.usefixtures("orders_store")
def test_a_factory_that_hangs_skips_its_sagas_with_the_reason(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    (tmp_path / "hanging_factory.py").write_text(
        "import threading\ndef make(context):\n    threading.Event().wait()\n"
    )
    from sagaz_core.replay.request import Request

    defaults = Request.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "factory_timeout", 0.05)
    done = command(*BATCH, *ORDERS, "--factory", "hanging_factory:make", "--dry-run")
    assert done.code == 1
    assert "the saga factory has not returned within 0.05 seconds" in done.out


def test_a_read_only_store_takes_a_dry_run_and_no_batch(
    command: Command, orders_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_READ_ONLY", "1")
    before = rows(orders_store)
    assert command(*BATCH, *ORDERS, *GOOD, "--dry-run").code == 0
    done = command(*BATCH, *ORDERS, *GOOD, "--yes")
    assert (done.code, done.out) == (4, "")
    assert "opened to look only" in done.err
    assert rows(orders_store) == before


def test_a_batch_never_makes_the_store(command: Command, tmp_path: Path) -> None:
    assert command(*BATCH, "--yes").code == 4
    assert list(tmp_path.iterdir()) == []


README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
WRITTEN = re.findall(r"^\$ sagaz (replay batch .*)$", README, re.MULTILINE)


@pytest.mark.usefixtures("orders_store")
@pytest.mark.parametrize("line", WRITTEN)
def test_the_commands_of_the_readme_are_taken_as_written(command: Command, line: str) -> None:
    done = command(*shlex.split(line), "--yes")
    # Its gateway and its batch are not in this store.
    assert done.code == (3 if "--resume" in line else 0), done.err
    assert ("no batch" if "--resume" in line else "no saga matches") in done.err


def test_the_readme_shows_the_batch() -> None:
    assert len(WRITTEN) == 3
