"""A holder stopped past its lease's term: once another has acted, it does nothing any more."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sagaz_core.config import STRATEGIES
from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.replay_log import REPLAY_LOG
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.url import open_storage
from tests.replay import paused_process

END = 1 << 40
TakeOver = Callable[[SagaReplay], Awaitable[ReplayResult]]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'orders.db'}"
    address: str = request.getfixturevalue("redis_url")
    return f"{address}?key_prefix={uuid4()}:"


async def everything(url: str) -> list[object]:
    """Return all rows of the store, each entry with its bytes."""
    async with open_storage(url) as storage:
        backend = storage.backend
        page = await backend.sagas(SagaQuery(), cursor=None, limit=100)
        family = await backend.family("p")
        assert family is not None
        rows: list[object] = [replace(family, now=0), *page.rows]
        rows += await backend.scan(REPLAY_LOG)
        for saga in page.rows:
            rows += await backend.entries(saga.saga_id, 1, END, hidden=True)
            rows += await backend.touches(saga.saga_id, key=None, lo=1, hi=END)
        return rows


def start(url: str, folder: Path, **plan: Any) -> subprocess.Popen[str]:
    """Start a holder and return once it is in the middle of its second step."""
    options = {"strategy": "before_each_step", "fails": False, "replays": False, **plan}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.replay.paused_process",
            url,
            json.dumps({"folder": str(folder), **options}),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (folder / "waiting").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def stop(process: subprocess.Popen[str], url: str) -> None:
    """Stop a process, but not in the middle of a write: others could not write then."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        if not url.startswith("sqlite") or is_writable(url.removeprefix("sqlite:///")):
            return
        os.kill(process.pid, signal.SIGCONT)


def is_writable(path: str) -> bool:
    with closing(sqlite3.connect(path, timeout=1)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


async def take_over(url: str, saga_id: str, act: TakeOver) -> None:
    """Wait until a saga is known to be interrupted, then act in its place."""
    async with open_storage(url) as storage:
        await asyncio.wait_for(until_interrupted(storage, saga_id), 30)
        assert (await act(SagaReplay(saga_id, storage))).status == "success"


async def until_interrupted(storage: SnapshotStorage, saga_id: str) -> None:
    cursor = None
    while (saga := await storage.get_saga(saga_id)) is None or saga.status != "interrupted":
        # A lease lapses without a change to tell of it.
        cursor = await storage.wait(cursor, 0.05)


def stop_and_continue(
    process: subprocess.Popen[str], url: str, folder: Path, saga_id: str, act: TakeOver
) -> dict[str, Any]:
    """Stop a holder, let another act, continue it; return how it ended. It must do nothing."""
    try:
        stop(process, url)
        (folder / "finish").touch()
        asyncio.run(take_over(url, saga_id, act))
        before, ledger = asyncio.run(everything(url)), (folder / "ledger").read_text()
        os.kill(process.pid, signal.SIGCONT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert asyncio.run(everything(url)) == before
    assert (folder / "ledger").read_text() == ledger
    assert ledger.count("the holder: ") == 2
    ended: dict[str, Any] = json.loads(out)
    return ended


async def resume(replay: SagaReplay) -> ReplayResult:
    return await replay.resume(in_doubt="retry")


async def replay_first(replay: SagaReplay) -> ReplayResult:
    return await replay.from_checkpoint("first")


QUICK = [
    ("sqlite", "before_each_step", False),
    ("sqlite", "after_each_step", False),
    ("sqlite", "manual", True),
    ("redis", "before_each_step", True),
    ("redis", "manual", False),
]
RECORDED = [strategy for strategy in STRATEGIES if strategy != "on_failure"]
"""Those of which something is in the store while a run goes well."""


@pytest.mark.parametrize(
    ("url", "strategy", "fails"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.torture)
        for case in product(("sqlite", "redis"), RECORDED, (False, True))
    ],
    indirect=["url"],
)
def test_it_starts_no_further_action_and_writes_nothing(
    url: str, tmp_path: Path, strategy: str, fails: bool
) -> None:
    act = resume if strategy.endswith("each_step") else replay_first
    process = start(url, tmp_path, strategy=strategy, fails=fails)
    ended = stop_and_continue(process, url, tmp_path, "p", act)
    assert ended["status"] == "failed"
    assert ended["error"].startswith("LeaseLostError: ")
    assert "has left these steps as they are" in ended["error"]


@pytest.mark.parametrize("url", ["sqlite", "redis"], indirect=True)
def test_a_replay_that_was_stopped_leaves_its_log_to_who_resumed_it(
    url: str, tmp_path: Path
) -> None:
    asyncio.run(fail_first(url, tmp_path))
    (tmp_path / "ledger").unlink()
    process = start(url, tmp_path, replays=True)
    ended = stop_and_continue(process, url, tmp_path, "p~r1", resume)
    assert ended["status"] == "failed"
    assert "LeaseLostError: " in ended["error"]


async def fail_first(url: str, folder: Path) -> None:
    """Record the saga ``p`` that fails in its second step, before any process is started."""
    (folder / "finish").touch()
    async with open_storage(url) as storage:
        failing = {"acts": "the holder"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paused_process, "WHO", failing)
            await paused_process.hold(
                storage, str(folder), strategy="before_each_step", fails=True, replays=False
            )
    (folder / "finish").unlink()
    (folder / "waiting").unlink()
