"""The usual patterns on the command line: an outage, a rollback, an audit, and what goes wrong."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli import pattern_shop
from tests.cli.command import Command

CHARGE = ("--from-step", "charge_payment")
BACKUP = ("--override", "payment_gateway=backup")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(pattern_shop.record_patterns(path))
    return path


@pytest.fixture(autouse=True)
def done(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What really happens, in order."""
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.pattern_shop")
    shutil.copy(recorded, tmp_path / "sagaz.db")
    pattern_shop.DONE.clear()
    return pattern_shop.DONE


# ---------------------------------------------------------------- patterns


def test_all_orders_that_an_outage_failed_are_replayed_once_through_another_gateway(
    command: Command, done: list[str]
) -> None:
    batch = ("replay", "batch", "--prefix", "order_", "--status", "failed", *CHARGE, *BACKUP)
    report = command(*batch, "--yes", "--format", "json")
    assert (report.code, report.json["succeeded"]) == (0, 3)
    charged = sorted(each for each in done if each.startswith("charged"))
    assert charged == ["charged order_0", "charged order_1", "charged order_2"]
    again = command(*batch, "--yes", "--format", "json")
    assert (again.code, again.json["total"], len(done)) == (0, 0, 9)


def test_a_forced_failure_shows_that_all_is_undone(command: Command, done: list[str]) -> None:
    forced = command(
        *("replay", "run", "order_good", "--from-step", "ship_order", "--force-failure"),
        *("--override", "test_mode:=true", "--format", "json"),
    )
    assert (forced.code, forced.json["status"]) == (1, "failed")
    assert forced.json["compensation"] == "completed"
    assert done == ["refunded order_good", "released order_good"]


def test_a_rollback_can_be_seen_without_any_of_it_happening(
    command: Command, done: list[str]
) -> None:
    run = ("replay", "run", "order_good", "--from-step", "reserve_inventory")
    seen = command(*run, "--simulate", "--fail-at", "ship_order", "--format", "json").json
    assert (seen["status"], seen["compensation"]) == ("failed", "completed")
    assert done == []


def test_an_auditor_gets_the_state_of_a_day(command: Command) -> None:
    at = ("--at", "2024-07-15T14:30:00Z")
    state = command("replay", "time-travel", "patient-consent-789", *at, "--format", "json").json
    assert (state["saga_id"], state["status"]) == ("patient-consent-789", "executing")
    assert state["created_at"] == "2024-07-01T00:00:00+00:00"
    assert state["context"] == {"patient_id": "p-7", "consent_status": "given"}
    status = command("replay", "time-travel", "patient-consent-789", *at, "--key", "consent_status")
    assert status.out == "given\n"


def test_a_replay_is_validated_before_it_runs(command: Command, done: list[str]) -> None:
    run = ("replay", "run", "order_0", *CHARGE)
    assert command(*run, "--dry-run").code == 0
    assert done == []
    assert command(*run, *BACKUP).code == 0
    assert done == ["reserved", "charged order_0", "shipped order_0"]


def test_an_async_factory_brings_what_a_saga_needs(command: Command, done: list[str]) -> None:
    factory = ("--factory", "tests.cli.pattern_shop:create_purchase")
    assert command("replay", "run", "order_0", *CHARGE, *factory).code == 0
    assert "charged order_0 through a connection" in done


# ---------------------------------------------------------------- what goes wrong


def test_a_replay_that_fails_tells_all_that_an_alert_needs(command: Command) -> None:
    failed = command("replay", "run", "order_0", *CHARGE, "--format", "json")
    assert failed.code == 1
    assert failed.json["status"] == "failed"
    assert failed.json["original_saga_id"] == "order_0"
    assert failed.json["error_message"] == "charge_payment: ConnectionError: the gateway is down"
    assert command("replay", "run", "order_0", *CHARGE, *BACKUP).code == 0


def test_an_override_that_does_not_fit_is_found_by_a_dry_run(command: Command) -> None:
    run = ("replay", "run", "order_0", *CHARGE, "--override", 'amount:="free"')
    checked = command(*run, "--dry-run")
    assert checked.code == 1
    assert "problem: " in checked.out
    assert "/amount" in checked.out


def test_a_saga_that_is_no_longer_kept_is_said_not_to_be_there(
    command: Command, done: list[str], tmp_path: Path
) -> None:
    assert command("replay", "run", "order_0", *CHARGE, *BACKUP, "--dry-run").code == 0

    async def prune() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
            await storage.prune(datetime.now(UTC) + timedelta(days=31))

    asyncio.run(prune())
    gone = command("replay", "run", "order_0", *CHARGE, *BACKUP)
    assert (gone.code, gone.out, done) == (3, "", [])
    assert gone.err.startswith("sagaz: no saga 'order_0'")
    assert gone.err.count("\n") == 1
