"""A batch that is gone on with: what is left of it, what became of the rest, what has changed."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.replay.batch import BatchReplay, BatchSelection
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.batch_shop import BATCH, GOOD, ORDERS, StuckOrder, events, rows, words
from tests.cli.command import Command
from tests.cli.shop import Order


def begin(command: Command) -> dict[str, Any]:
    """Begin a batch that stops after its first saga, which fails; return its report."""
    done = command(
        *(*BATCH, *ORDERS, "--override", "note=again", "--stop-after-failures", "1"),
        *("--concurrency", "1", "--no-canary", "--yes", "--format", "json"),
    )
    assert (done.code, done.json["failed"], done.json["left"]) == (1, 1, 2)
    return dict(done.json)


@pytest.mark.usefixtures("orders_store")
def test_a_batch_that_was_stopped_goes_on_with_those_that_are_left(command: Command) -> None:
    batch_id = begin(command)["batch_id"]
    done = command(
        *(*BATCH, "--resume", batch_id, "--no-canary", "--stop-after-failures", "9"),
        *("--format", "json"),
    )
    assert done.code == 1
    assert (done.json["batch_id"], done.json["total"], done.json["failed"]) == (batch_id, 3, 3)
    assert len([event for event in events(done) if event["event"] == "item_ended"]) == 2


@pytest.mark.usefixtures("orders_store")
def test_an_unknown_batch_is_named(command: Command) -> None:
    done = command(*BATCH, "--resume", "batch-nothing")
    assert (done.code, done.out) == (3, "")
    assert "no batch 'batch-nothing'" in done.err


@pytest.mark.usefixtures("orders_store")
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


@pytest.mark.usefixtures("orders_store")
def test_a_batch_whose_code_has_changed_does_not_go_on(
    command: Command, orders_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = begin(command)["batch_id"]

    async def charge_nothing(self: Order, ctx: object) -> None:
        pass

    monkeypatch.setattr(Order, "_charge", charge_nothing)
    before = rows(orders_store)
    done = command(*BATCH, "--resume", batch_id)
    assert (done.code, done.out) == (1, "")
    assert f"the code has changed since {batch_id} began" in done.err
    assert rows(orders_store) == before


@pytest.mark.usefixtures("orders_store")
def test_a_saga_removed_meanwhile_is_skipped_and_said_to_be_gone(
    command: Command, orders_store: Path
) -> None:
    begun = begin(command)
    gone = next(item["saga_id"] for item in begun["items"] if item["state"] == "waiting")

    async def remove() -> None:
        async with SQLiteSnapshotStorage(orders_store) as storage:
            await storage.backend.delete([gone])

    asyncio.run(remove())
    done = command(
        *(*BATCH, "--resume", begun["batch_id"], "--no-canary", "--stop-after-failures", "9"),
        *("--format", "json"),
    )
    (item,) = [item for item in done.json["items"] if item["saga_id"] == gone]
    assert (item["state"], item["reason"]) == ("skipped", "it is not there any more")
    assert done.code == 1


@pytest.mark.usefixtures("orders_store")
def test_a_saga_that_somebody_else_recovered_meanwhile_is_skipped_and_all_is_well(
    command: Command, orders_store: Path
) -> None:
    async def begin_and_stop() -> str:
        async with SQLiteSnapshotStorage(orders_store) as storage:
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
