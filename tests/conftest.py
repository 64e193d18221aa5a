"""What tests of every room may use: a store of each kind, and a Redis server of their own."""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
import typer.main
from hypothesis import settings

from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.storage import SnapshotStorage

# How long an example takes tells of the machine; `make torture` tries more of them.
settings.register_profile("short", deadline=None, max_examples=30)
settings.register_profile("long", deadline=None, max_examples=1000)
settings.load_profile("short")


def pytest_xdist_auto_num_workers() -> int:
    """Three processes on two cores: tests wait about as much as they compute."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(2, 3 * (cores or 1) // 2)


def pytest_collection_finish() -> None:
    """Have the collector leave alone what stays, and come less often: a tenth of all the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the pictures of the screen be taken anew."""
    parser.addoption("--rewrite-pictures", action="store_true", help="take the pictures anew")


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what replays print out of the home of whoever runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def command_line_made_once() -> Iterator[None]:
    """Make the command line once for all commands that a process runs: most of their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session")
def recorded_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder, recorded once for all processes of a run; to write to, copy it."""
    from sagaz_tui.demo.record import prepare_folder, record_demo

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "demo"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = prepare_folder(shared / "demo-unfinished")
            record_demo(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server; tests keep apart by key prefixes of their own.

    ``SAGAZ_TEST_REDIS_URL`` names one to use instead of starting one.
    """
    named = os.environ.get("SAGAZ_TEST_REDIS_URL")
    if named:
        yield named
        return
    # Not before pytest has begun: the package has its own tests' assertions rewritten.
    from sagaz_core.testing.redis_server import RedisServer

    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def any_storage(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SnapshotStorage]:
    """A store of each of the three kinds."""
    made: SnapshotStorage
    if request.param == "memory":
        made = InMemorySnapshotStorage()
    elif request.param == "sqlite":
        made = SQLiteSnapshotStorage(tmp_path / "orders.db")
    else:
        url = request.getfixturevalue("redis_url")
        made = RedisSnapshotStorage(redis_url=url, key_prefix=f"{uuid4()}:")
    async with made:
        yield made
