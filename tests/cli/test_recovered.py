"""Lists and ``sagaz show`` tell what was recovered, and by which replay."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import record_shop

NEW_TOKEN = {"payment_token": "tok_new"}


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> None:
    async def record() -> None:
        await record_shop(tmp_path / "sagaz.db")
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as store:
            # A failed replay and one that succeeds; and an order that needed neither.
            await SagaReplay("order_1", store).from_checkpoint("charge")
            await SagaReplay("order_1", store).from_checkpoint("charge", context_override=NEW_TOKEN)
            await SagaReplay("order_2", store).from_checkpoint("ship")

    asyncio.run(record())


def test_a_list_says_which_replay_recovered_the_original_and_its_failed_replays(
    command: Command,
) -> None:
    lines = command("sagas", "--prefix", "order_").out.splitlines()
    told = {line.split()[0]: "recovered by order_1~r2" in line for line in lines[1:]}
    assert told == {
        "order_1": True,
        "order_1~r1": True,
        "order_1~r2": False,
        "order_2": False,
        "order_2~r1": False,
    }
    assert "recovered by order_2" not in "".join(lines)
    data = command("sagas", "--prefix", "order_1", "--format", "json").json
    assert {each["recovered_by"] for each in data} == {"order_1~r2"}


@pytest.mark.parametrize("saga_id", ["order_1", "order_1~r1"])
def test_one_that_was_recovered_says_by_which(command: Command, saga_id: str) -> None:
    status = next(
        line for line in command("show", saga_id).out.splitlines() if line.startswith("status")
    )
    assert "failed, rolled back, recovered by order_1~r2" in status
    assert command("show", saga_id, "--format", "json").json["recovered_by"] == "order_1~r2"


@pytest.mark.parametrize("saga_id", ["order_1~r2", "order_2", "order_2~r1"])
def test_one_that_succeeded_was_not_recovered(command: Command, saga_id: str) -> None:
    status = next(
        line for line in command("show", saga_id).out.splitlines() if line.startswith("status")
    )
    assert "recovered" not in status
