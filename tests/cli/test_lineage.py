"""``sagaz lineage``: the family drawn as a tree."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sagaz_core.history.lineage import Branch, Lineage
from sagaz_core.model import SagaSummary
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.cli.trees import lineage_data, lineage_rows
from sagaz_tui.debugger.family_tree import DRAWN_DEPTH
from sagaz_tui.showing.values import json_text
from tests.cli.command import Command
from tests.cli.shop import HOSTILE, HOSTILE_ID, record_shop


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> None:
    async def record() -> None:
        await record_shop(tmp_path / "sagaz.db")
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as store:
            await SagaReplay("order_1", store, initiated_by="ann").from_checkpoint(
                "charge", reason="the gateway is back"
            )
            await SagaReplay("order_1~r1", store, initiated_by="ann").from_checkpoint(
                "charge", context_override={"payment_token": "tok_new"}, reason="new card"
            )
            await SagaReplay(HOSTILE_ID, store, initiated_by=HOSTILE).from_checkpoint(
                "ship", context_override={"note": HOSTILE}, reason=HOSTILE
            )

    asyncio.run(record())


def test_the_tree_shows_where_each_replay_grew_from_and_what_was_changed(
    command: Command,
) -> None:
    done = command("lineage", "order_1~r2")
    assert (done.code, done.err) == (0, "")
    root, first, first_why, second, change, second_why = done.out.splitlines()
    assert root.startswith("order_1  failed, rolled back, recovered by order_1~r2")
    assert first.startswith("└─ order_1~r1  failed")
    assert "from #2 charge" in first
    assert first_why == "   │  by ann: the gateway is back"
    assert second.startswith("   └─ order_1~r2  completed  from #")
    assert second.endswith("  ← this one")
    assert change == '         ~ /payment_token  "tok_expired" → "tok_new"'
    assert second_why == "         by ann: new card"


def test_json_is_a_flat_list_each_run_before_what_grew_from_it(command: Command) -> None:
    data = command("lineage", "order_1", "--format", "json").json
    assert (data["saga_id"], data["root_id"]) == ("order_1", "order_1")
    rows = [(each["saga_id"], each["parent_id"], each["depth"]) for each in data["branches"]]
    assert rows == [
        ("order_1", None, 0),
        ("order_1~r1", "order_1", 1),
        ("order_1~r2", "order_1~r1", 2),
    ]
    last = data["branches"][2]
    assert (last["from_step"], last["initiated_by"], last["reason"]) == (
        "charge",
        "ann",
        "new card",
    )
    assert last["override"] == [
        {"path": "/payment_token", "before": "tok_expired", "after": "tok_new"}
    ]
    assert isinstance(last["parent_sequence"], int)


def test_a_table_has_a_row_for_each_run(command: Command) -> None:
    lines = command("lineage", "order_1", "--format", "table").out.splitlines()
    assert lines[0].split() == ["ID", "STATUS", "FROM", "STARTED", "BY", "WHY", "OVERRIDE"]
    assert len(lines) == 4


@pytest.mark.parametrize("format", ["text", "table", "json"])
def test_nothing_recorded_reaches_the_terminal_unescaped(command: Command, format: str) -> None:
    done = command("lineage", HOSTILE_ID, "--format", format)
    assert done.code == 0
    assert done.out.replace("\n", "").isprintable()
    assert "owned" in done.out


def test_a_saga_that_is_not_there_ends_with_3_and_a_sentence(command: Command) -> None:
    done = command("lineage", "order_9")
    assert (done.code, done.out) == (3, "")
    assert done.err.count("\n") == 1
    assert "no saga 'order_9'" in done.err


def test_a_deep_chain_stays_narrow_and_tells_its_depth() -> None:
    at = datetime(2024, 12, 15, tzinfo=UTC)
    branches = tuple(
        Branch(
            saga=SagaSummary(
                saga_id=f"r{depth}",
                saga_name="Order",
                status="failed",
                compensation="none",
                step_name=None,
                error=None,
                error_group=None,
                started_at=at,
                updated_at=at,
                checkpoints=1,
                root_id="r0",
                parent_id=f"r{depth - 1}" if depth else None,
                parent_sequence=1 if depth else None,
            ),
            depth=depth,
        )
        for depth in range(1001)
    )
    family = Lineage(saga_id="r0", root_id="r0", branches=branches)
    _, rows = lineage_rows(family)
    assert rows[DRAWN_DEPTH][0] == "   " * (DRAWN_DEPTH - 1) + "└─ r12"
    assert rows[1000][0] == "   " * (DRAWN_DEPTH - 1) + "└─ (1000) r1000"
    assert json_text(lineage_data(family)).count('"depth"') == 1001
