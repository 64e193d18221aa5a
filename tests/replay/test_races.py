"""Two processes that replay one family at the same moment: one runs, the other is told why not."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sagaz_core.storage.url import open_storage
from tests.replay.racing import let_go, record_failed, standing

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
PATIENCE = 60.0
"""Seconds after which nothing more is expected of a process."""
HEAD_START = 0.005
"""Seconds by which both have read what they are to do."""
REFUSED = (
    "of this family is running, by",
    "another run of this family has acted since",
    "of this family has succeeded already",
)
"""Words for the one that comes second, by how late it comes."""

ROUNDS = pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.torture)])


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db"
    return f"{request.getfixturevalue('redis_url')}?key_prefix={uuid4()}:"


@asynccontextmanager
async def racer(url: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        HERE.with_name("racing_process.py"),
        stdin=PIPE,
        stdout=PIPE,
        env={
            "PYTHONPATH": str(ROOT),
            "SAGAZ_STORAGE_URL": url,
            "SAGAZ_SAGAS": "tests.replay.racing",
        },
    )
    try:
        assert await heard(process) == "ready"
        yield process
    finally:
        process.kill()
        await process.wait()


def tell(process: Process, at: float, order: str, step: str) -> None:
    command = ["replay", "run", order, "--from-step", step, "--override", "token=good"]
    assert process.stdin is not None
    process.stdin.write(json.dumps({"at": at, "command": command}).encode() + b"\n")


async def heard(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))


@ROUNDS
async def test_of_two_processes_that_replay_a_family_at_once_one_runs(
    url: str, rounds: int
) -> None:
    async with racer(url) as ada, racer(url) as ben:
        for number in range(rounds):
            # In every other round the one that runs goes on until the other was refused.
            waits = number % 2 == 0
            order = f"order_{number}"
            async with open_storage(url) as storage:
                await record_failed(storage, order, waits=waits)
            steps = ("charge", "reserve") if number % 4 < 2 else ("charge", "charge")
            at = time.monotonic() + HEAD_START
            for process, step in zip((ada, ben), steps, strict=True):
                tell(process, at, order, step)
            answers = {asyncio.create_task(heard(process)) for process in (ada, ben)}
            if waits:
                first, answers = await asyncio.wait(answers, return_when="FIRST_COMPLETED")
                let_go(order).touch()
                answers |= first
            told = sorted(await asyncio.gather(*answers), key=lambda answer: answer["code"])
            await check_one_ran(url, order, told, waits=waits)


async def check_one_ran(url: str, order: str, told: list[dict[str, Any]], *, waits: bool) -> None:
    winner, loser = told
    assert (winner["code"], loser["code"]) == (0, 1), told
    words = loser["out"] + loser["err"]
    assert any(reason in words for reason in (REFUSED[:1] if waits else REFUSED)), words
    assert standing(order) == {"reserve": 1, "charge": 1, "ship": 1}
    async with open_storage(url, read_only=True) as storage:
        statuses = {saga.saga_id: saga.status for saga in await storage.list_family(order)}
        assert statuses == {order: "failed", f"{order}~r1": "completed"}
        assert [entry.outcome for entry in await storage.list_replays(order)] == ["success"]
