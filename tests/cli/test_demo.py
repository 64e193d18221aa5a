"""The demo: what it records, and the walk through it where there is no terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.demo.ledger import Effect, Ledger, balance
from sagaz_tui.demo.record import (
    COMPLETED_ORDER,
    FAILED_ORDER,
    IMPORT,
    QUOTE,
    STUCK_ORDER,
)
from tests.cli.command import Command


async def test_the_newest_failure_is_the_order_whose_token_expired(recorded_demo: Path) -> None:
    async with SQLiteSnapshotStorage(recorded_demo / "orders.db", read_only=True) as store:
        page = await store.list_sagas(limit=1)
        assert page.sagas[0].saga_id == FAILED_ORDER
        assert page.sagas[0].error == "CardDeclined: token expired"
        assert page.sagas[0].compensation == "completed"
        (failure,) = [
            entry
            for entry in await store.list_checkpoints(FAILED_ORDER)
            if entry.kind == "step_failed"
        ]
        assert failure.attempts == 3
        effects = Ledger(recorded_demo / "ledger.db").effects(FAILED_ORDER)
        assert [effect.effect for effect in effects] == ["reserved", "released"]


async def test_there_is_one_of_each_kind_worth_a_look(recorded_demo: Path) -> None:
    async with SQLiteSnapshotStorage(recorded_demo / "orders.db", read_only=True) as store:
        completed = await store.get_saga(COMPLETED_ORDER)
        assert completed is not None
        assert completed.status == "completed"
        stuck = await store.get_saga(STUCK_ORDER)
        assert stuck is not None
        assert (stuck.status, stuck.compensation) == ("failed", "failed")
        assert Ledger(recorded_demo / "ledger.db").balance(STUCK_ORDER) == {
            "reserved": 0,
            "charged": 1,
            "shipped": 0,
        }
        running = [entry.running_steps for entry in await store.list_checkpoints(QUOTE)]
        assert max(map(len, running)) == 2, "two go on when the first has ended"
        assert len(await store.list_checkpoints(IMPORT)) == 61
        assert len(await store.list_changes(IMPORT, key="rows")) == 61


async def test_a_few_hundred_more_failed_in_three_ways_over_the_last_hours(
    recorded_demo: Path,
) -> None:
    began = datetime.fromtimestamp((recorded_demo / "sagaz.toml").stat().st_mtime, UTC)
    async with SQLiteSnapshotStorage(recorded_demo / "orders.db", read_only=True) as store:
        by_status = await store.count_sagas("status")
        assert by_status["failed"] > 200
        assert by_status["completed"] > 20
        groups = await store.count_sagas("error_group", prefix="order_8")
        assert len([group for group, count in groups.items() if count > 5]) == 3
        hours = [
            sum((await store.count_sagas("status", until=began - timedelta(hours=age))).values())
            for age in range(7)
        ]
        assert hours == sorted(hours, reverse=True)
        assert len(set(hours[:6])) == 6
        assert hours[6] == 0


def test_without_a_terminal_it_walks_the_journey_and_proves_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_STORAGE_URL", "sqlite:///elsewhere.db")
    monkeypatch.setattr("sagaz_tui.demo.record._MANY", 8)
    done = command("demo", "--dir", "shop")
    assert done.code == 0, done.err
    for step in (
        "$ sagaz sagas --status failed",
        f"$ sagaz show {FAILED_ORDER}",
        f"$ sagaz blame {FAILED_ORDER} payment_token",
        "--override payment_token=tok_new --dry-run",
        f"replay     {FAILED_ORDER}~r1",
        "standing: 1 reserved, 1 charged, 1 shipped",
    ):
        assert step in done.out
    assert str(tmp_path / "shop") in done.err.splitlines()[-1]
    assert [
        effect.saga_id for effect in Ledger(tmp_path / "shop/ledger.db").effects(FAILED_ORDER)
    ] == [
        FAILED_ORDER,
        FAILED_ORDER,
        *[f"{FAILED_ORDER}~r1"] * 3,
    ]
    assert Path.cwd() == tmp_path


def test_record_only_prints_the_folder_and_nothing_else_on_stdout(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.demo.record._MANY", 2)
    done = command("demo", "--dir", "shop", "--record-only")
    assert (done.code, done.out) == (0, f"{tmp_path / 'shop'}\n")
    names = {path.name for path in (tmp_path / "shop").iterdir()}
    assert {"orders.db", "ledger.db", "sagaz.toml"} <= names


def test_a_folder_that_holds_a_demo_or_cannot_be_made_is_refused(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "orders.db").write_text("mine")
    done = command("demo", "--dir", ".")
    assert (done.code, done.out) == (2, "")
    assert "already holds orders.db" in done.err
    assert (tmp_path / "orders.db").read_text() == "mine"
    assert command("demo", "--dir", "orders.db/below").code == 2


def test_the_walk_ends_with_1_when_the_ledger_does_not_add_up(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.demo.record._MANY", 2)
    monkeypatch.setattr(Ledger, "balance", lambda self, order_id: {"reserved": 2})
    assert command("demo", "--dir", "shop").code == 1


def test_the_ledger_takes_what_was_undone_off_and_hides_no_repetition() -> None:
    def effects(*names: str) -> list[Effect]:
        return [Effect(order_id="o", effect=n, saga_id="s", idempotency_key="k") for n in names]

    assert balance(effects("reserved", "released", "reserved", "charged")) == {
        "reserved": 1,
        "charged": 1,
        "shipped": 0,
    }
    assert balance(effects("shipped", "shipped"))["shipped"] == 2


def test_the_ledger_lies_in_the_current_folder_unless_named(tmp_path: Path) -> None:
    Ledger().record(Effect(order_id="o", effect="charged", saga_id="s", idempotency_key="k"))
    assert [effect.effect for effect in Ledger(tmp_path / "ledger.db").effects("o")] == ["charged"]
