"""The program for a Redis user who may only read: every command that looks, and the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.testing.redis_server import RedisServer
from sagaz_tui.__main__ import run
from tests.end_to_end.terminal import SAGAZ, Terminal
from tests.replay import shop
from tests.storage.redis_looker import PASSWORD, add_looker, watched

LOOKING = (
    "sagas --status failed --format json",
    "sagas --name Shop --prefix order_ --since 2h",
    "show order_1",
    "show order_1 --format json",
    "diff order_1 1 3",
    "blame order_1 amount",
    "replay list-changes order_1",
    "replay history order_2",
    "replay time-travel order_1 --at 2999-01-01T00:00:00Z",
    "replay time-travel order_1 --at 2999-01-01T00:00:00Z --key amount",
    "replay run order_1 --from-step charge --dry-run --override payment_token=tok_new",
    "prune --dry-run",
    "doctor",
    "config",
)
WRITING = (
    "replay run order_1 --from-step charge --override payment_token=tok_new",
    "prune",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("server"), durable=True) as server:
        asyncio.run(fill(server))
        yield server


async def fill(server: RedisServer) -> None:
    """Record an order that failed, and one that a replay has recovered."""
    async with RedisSnapshotStorage(server.url) as storage:
        for saga_id in ("order_1", "order_2"):
            await shop.run_order(storage, saga_id)
        replay = SagaReplay("order_2", storage)
        await replay.from_checkpoint("charge", context_override={"payment_token": "tok_new"})


@pytest.fixture
def url(server: RedisServer) -> str:
    return asyncio.run(add_looker(server))


@pytest.fixture(autouse=True)
def _settings(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAGAZ_STORAGE_URL", url)
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.replay.shop")


def told(capsys: pytest.CaptureFixture[str], server: RedisServer, line: str) -> tuple[int, str]:
    """Run a command; return its exit code and all it wrote, having seen that it only read."""

    async def do() -> int:
        async with watched(server) as seen:
            code = await asyncio.to_thread(run, line.split())
        assert seen.written == set()
        return code

    code = asyncio.run(do())
    written = capsys.readouterr()
    return code, written.out + written.err


@pytest.mark.parametrize("line", LOOKING)
def test_a_command_that_looks_works_and_reads_only(
    server: RedisServer, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    code, words = told(capsys, server, line)
    assert code == 0, words
    assert words.strip()
    assert PASSWORD not in words


@pytest.mark.parametrize("line", WRITING)
def test_a_command_that_writes_is_refused_and_says_what_to_do(
    server: RedisServer, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    code, words = told(capsys, server, line)
    assert code == 4
    assert "does not allow this user to do that" in words
    assert "open the store read-only, or as a user who may" in words
    assert PASSWORD not in words


def test_the_screen_shows_lists_histories_values_and_plans(
    server: RedisServer, tmp_path: Path
) -> None:
    async def look() -> None:
        async with watched(server) as seen:
            await asyncio.to_thread(walk, tmp_path)
        assert seen.written == set()

    asyncio.run(look())


def walk(folder: Path) -> None:
    with Terminal([SAGAZ], cwd=folder) as terminal:
        terminal.wait_for("3 All 3")
        terminal.wait_for("LIVE")
        terminal.type("3")
        terminal.wait_for("order_2~r1")
        terminal.type("1\r")
        terminal.wait_for("order_1")
        terminal.wait_for("payment_token")
        terminal.type("gl")
        terminal.wait_for("before charge")
        terminal.type("p")
        terminal.wait_for("reserve")
        assert PASSWORD not in terminal.text
        terminal.type("qq")
        assert terminal.wait_for_end() == 0
