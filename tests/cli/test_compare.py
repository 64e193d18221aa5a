"""``sagaz compare``: two runs side by side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import HOSTILE_ID, record_shop


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> None:
    async def record() -> None:
        await record_shop(tmp_path / "sagaz.db")
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as store:
            await SagaReplay("order_1", store).from_checkpoint(
                "charge", context_override={"payment_token": "tok_new"}
            )

    asyncio.run(record())


def test_a_row_a_step_and_below_it_what_differs(command: Command) -> None:
    done = command("compare", "order_1", "order_1~r1")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("a  order_1  Order  failed, rolled back, recovered by order_1~r1")
    assert lines[1].startswith("b  order_1~r1  Order  completed")
    assert lines[2].strip() == "b is a replay of a, from its checkpoint #2"
    words = [line.split() for line in lines]
    assert ["STEP", "A", "B", "TRIES", "TIME", "DIFFERS"] in words
    (charge,) = [row for row in words if row[:3] == ["charge", "FAILED", "completed"]]
    assert charge[3:6] == ["2", "/", "1"]
    assert charge[-4:] == ["outcome,", "attempts,", "error,", "context"]
    (reserve,) = [row for row in words if row[:2] == ["reserve", "completed,"]]
    assert reserve[2:4] == ["undone", "completed"]
    text = done.out
    assert "What they began with\n  ~ /payment_token" in text
    assert "charge\n  a  PermissionError: token expired\n  + /charged  99.90 Decimal\n" in text
    assert '~ /payment_token  "tok_expired" → "tok_new"' in text


def test_json_has_it_all(command: Command) -> None:
    data = command("compare", "order_1", "order_1~r1", "--format", "json").json
    assert (data["same"], data["a"]["saga_id"], data["b"]["parent_sequence"]) == (
        False,
        "order_1",
        2,
    )
    steps = {step["name"]: step for step in data["steps"]}
    assert list(steps) == ["reserve", "charge", "ship"]
    assert steps["charge"]["differs"] == ["outcome", "attempts", "error", "context"]
    assert steps["charge"]["a"]["error"]["message"] == "token expired"
    assert steps["charge"]["a"]["seconds"] >= 0
    assert steps["charge"]["changes"] == [
        {"path": "/charged", "kind": "added", "after": {"$decimal": "99.90"}}
    ]
    assert steps["ship"]["a"]["outcome"] == "not_reached"
    assert {
        "path": "/payment_token",
        "kind": "changed",
        "before": "tok_expired",
        "after": "tok_new",
    } in data["end"]


def test_two_that_differ_in_nothing_say_so(command: Command) -> None:
    done = command("compare", "order_2", "order_2")
    assert (done.code, done.err) == (0, "sagaz: nothing but times differs\n")
    assert command("compare", "order_2", "order_2", "--format", "json").json["same"] is True


@pytest.mark.parametrize("format", ["text", "table", "json"])
def test_nothing_recorded_reaches_the_terminal_unescaped(command: Command, format: str) -> None:
    done = command("compare", HOSTILE_ID, "order_2", "--format", format)
    assert done.code == 0
    assert done.out.replace("\n", "").isprintable()
    assert "owned" in done.out


def test_who_is_not_there_or_cannot_be_an_id_is_told_in_a_sentence(command: Command) -> None:
    for arguments, code, words in (
        (("order_1", "order_9"), 3, "no saga 'order_9'"),
        (("order_1", "a\nb"), 2, "printable characters only"),
    ):
        done = command("compare", *arguments)
        assert (done.code, done.out) == (code, "")
        assert words in done.err
        assert done.err.count("\n") == 1
