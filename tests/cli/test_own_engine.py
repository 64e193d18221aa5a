"""A program with an engine of its own is replayed by command, its factory named by a flag."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.replay.plain_program import DONE, fulfil

RUN = ("replay", "run", "order_1", "--from-step", "charge", "--override", "card=good")
FACTORY = ("--factory", "tests.replay.plain_program:fulfilment")


@pytest.fixture(autouse=True)
def _recorded(tmp_path: Path) -> None:
    async def record() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
            recorder = SagaRecorder(storage, saga_name="Fulfilment", saga_id="order_1")
            with suppress(PermissionError):
                async with recorder:
                    await fulfil({"card": "stolen"}, recorder)

    DONE.clear()
    asyncio.run(record())


def test_it_is_planned_and_replayed(command: Command) -> None:
    planned = command(*RUN, *FACTORY, "--dry-run")
    assert planned.code == 0
    assert ["reserve", "restored"] in [line.split()[:2] for line in planned.out.splitlines()]
    assert DONE == ["reserve"]
    done = command(*RUN, *FACTORY, "--format", "json")
    assert (done.code, done.json["status"]) == (0, "success")
    assert done.json["new_saga_id"] == "order_1~r1"
    assert DONE == ["reserve", "charge", "ship"]


def test_a_rehearsal_is_refused_in_a_sentence(command: Command) -> None:
    refused = command(*RUN, *FACTORY, "--simulate")
    assert (refused.code, refused.out) == (1, "")
    (line,) = refused.err.splitlines()
    assert "an engine of your own cannot be rehearsed" in line
    assert DONE == ["reserve"]


def test_without_a_factory_it_says_how_to_name_one(command: Command) -> None:
    refused = command(*RUN)
    assert refused.code == 1
    assert "no class 'Fulfilment' is defined" in refused.out
    assert "--factory module:name" in refused.out
