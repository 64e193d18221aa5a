"""A store labelled as production: whoever acts on it says why, and looking needs no reason."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.cli.shop import record_shop

ONE = ("replay", "run", "order_1", "--from-step", "charge", "--override", "payment_token=tok_new")
MANY = ("replay", "batch", "--prefix", "order_1", "--override", "payment_token=tok_new")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(record_shop(path))
    return path


@pytest.fixture(autouse=True)
def _in_production(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    monkeypatch.setenv("SAGAZ_PRODUCTION", "PROD-EU")
    shutil.copy(recorded, tmp_path / "sagaz.db")


def replays(command: Command) -> list[tuple[str, str]]:
    done = command("replay", "history", "order_1", "--format", "json")
    return [(entry["replay_id"], entry["reason"]) for entry in done.json]


@pytest.mark.parametrize("wish", [ONE, (*MANY, "--yes"), ("resume", "order_1")])
@pytest.mark.parametrize("reason", [(), ("--reason", "  ")])
def test_what_runs_a_saga_again_without_a_reason_is_refused_and_nothing_runs(
    command: Command, wish: tuple[str, ...], reason: tuple[str, ...]
) -> None:
    done = command(*wish, *reason)
    assert (done.code, done.out) == (2, "")
    assert "PROD-EU is in production, so what runs a saga again needs a reason" in done.err
    assert replays(command) == []


@pytest.mark.parametrize("wish", [ONE, (*MANY, "--yes")])
def test_the_reason_is_kept_with_the_replay(command: Command, wish: tuple[str, ...]) -> None:
    assert command(*wish, "--reason", "new card").code == 0
    assert replays(command) == [("order_1~r1", "new card")]


@pytest.mark.parametrize("wish", [ONE, MANY])
@pytest.mark.parametrize("look", ["--dry-run", "--simulate"])
def test_a_dry_run_and_a_rehearsal_need_no_reason(
    command: Command, wish: tuple[str, ...], look: str
) -> None:
    assert command(*wish, look).code == 0


def test_a_store_that_is_not_in_production_asks_for_none(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAGAZ_PRODUCTION")
    assert command(*ONE).code == 0
