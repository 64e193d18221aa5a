"""What was acknowledged survives the death of the process that recorded it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage


@pytest.fixture
def nursery() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.recording_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def record_and_kill(
    nursery: subprocess.Popen[str], path: Path, prefix: str, after: int
) -> dict[str, int]:
    """Let a process record, kill it after some checkpoints; returns the last acknowledged."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{path} {prefix}\n")
    nursery.stdin.flush()
    word, pid = nursery.stdout.readline().split()
    assert word == "pid"
    acknowledged: dict[str, int] = {}
    count = 0
    while (line := nursery.stdout.readline().strip()) != "gone":
        saga_id, sequence = line.split()
        acknowledged[saga_id] = int(sequence)
        count += 1
        if count == after:
            os.kill(int(pid), signal.SIGKILL)
    assert count >= after
    return acknowledged


@pytest.mark.parametrize("rounds", [50, pytest.param(1000, marks=pytest.mark.torture)])
async def test_every_acknowledged_checkpoint_survives_kills(
    nursery: subprocess.Popen[str], tmp_path: Path, rounds: int
) -> None:
    path = tmp_path / "s.db"
    chance = random.Random()
    for number in range(rounds):
        acknowledged = record_and_kill(nursery, path, f"r{number}", chance.randrange(1, 120))
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            for saga_id, sequence in acknowledged.items():
                found = [each async for each in storage.iter_checkpoints(saga_id)]
                # The one under way when it died may be there too, but whole.
                assert len(found) in (sequence, sequence + 1)
                for each in found:
                    assert each.context == {
                        "n": each.sequence,
                        "items": [f"item {n + 1} of {saga_id}" for n in range(each.sequence)],
                    }
    # And a saga that was cut off can be written on.
    saga_id, sequence = acknowledged.popitem()
    async with SQLiteSnapshotStorage(path) as storage:
        number = await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="S"))
        assert number in (sequence + 1, sequence + 2)
