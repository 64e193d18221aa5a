"""Real processes on one batch, one of them killed: each order is done once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.replay.batch.worker_process import WorkedTogether

ORDERS: Final = 8
PATIENCE: Final = 60.0

Worker = subprocess.Popen[str]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.communicate()


def start(workers: list[Worker], folder: Path, *batch_id: str) -> Worker:
    workers.append(
        subprocess.Popen(
            [sys.executable, "-m", "tests.replay.batch.worker_process", str(folder), *batch_id],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    return workers[-1]


def told(worker: Worker) -> Any:
    assert worker.stdout is not None
    return json.loads(worker.stdout.readline())


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def wait_until_charging(folder: Path, worker: Worker, count: int) -> None:
    """Wait until so many charges of a worker are under way."""
    deadline = time.monotonic() + PATIENCE
    while sum(line[2] == str(worker.pid) for line in lines(folder / "charges.txt")) < count:
        assert time.monotonic() < deadline
        assert worker.poll() is None
        time.sleep(0.01)


async def fail_orders(folder: Path) -> None:
    async with SQLiteSnapshotStorage(folder / "orders.db") as storage:
        for number in range(ORDERS):
            context = {"order_id": f"order_{number}", "folder": str(folder), "may_run": False}
            saga = WorkedTogether(context, saga_id=f"order_{number}", snapshot_storage=storage)
            await saga.execute()


def test_two_processes_share_a_batch_and_one_goes_on_for_the_other_that_is_killed(
    tmp_path: Path, workers: list[Worker]
) -> None:
    asyncio.run(fail_orders(tmp_path))
    first = start(workers, tmp_path)
    batch_id = told(first)["batch_id"]
    wait_until_charging(tmp_path, first, 2)
    second = start(workers, tmp_path, batch_id)
    assert told(second)["batch_id"] == batch_id
    wait_until_charging(tmp_path, second, 2)
    first.kill()
    (tmp_path / "go").touch()
    report = told(second)

    assert (report["status"], report["succeeded"]) == ("completed", ORDERS)
    # The replays that the dead one had begun are gone on with, by the ids it had named.
    assert report["replays"] == {f"order_{n}": f"order_{n}~r1" for n in range(ORDERS)}
    charges = lines(tmp_path / "charges.txt")
    assert len(charges) == ORDERS + 2
    assert len({(order, key) for order, key, _ in charges}) == ORDERS
    assert sorted(order for order, _, _ in lines(tmp_path / "packed.txt")) == [
        f"order_{number}" for number in range(ORDERS)
    ]
    assert told(start(workers, tmp_path, batch_id))["batch_id"] == batch_id
    assert told(workers[-1]) == report
