"""The screen while the Redis server under it stops, stands still or forgets everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from textual.pilot import Pilot

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.backends.redis import connection as redis_connection
from sagaz_core.testing.redis_server import RedisServer
from sagaz_tui.app import SagazApp
from sagaz_tui.settings import Settings
from tests.end_to_end.terminal import SAGAZ, Terminal
from tests.screen.looking import painted, press, until, until_painted

Outage = Literal["stopped", "paused"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "server", durable=True) as server:
        yield server


@pytest.fixture(params=["stopped", "paused"])
def outage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Outage:
    """Each way in which a server can be away."""
    if request.param == "paused":
        monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 0.3)
    return request.param


async def begin(outage: Outage, server: RedisServer) -> None:
    if outage == "stopped":
        await asyncio.to_thread(server.stop)
    else:
        server.pause()


async def end(outage: Outage, server: RedisServer) -> None:
    if outage == "stopped":
        await asyncio.to_thread(server.start)
    else:
        server.resume()


async def save(storage: RedisSnapshotStorage, saga_id: str, *numbers: int) -> None:
    for number in numbers:
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id=saga_id,
                saga_name="Order",
                kind="before_step",
                step_name=f"step_{number}",
                completed_steps=[f"step_{n}" for n in range(1, number)],
                context={"count": number, f"key_{number}": "x"},
            )
        )


@asynccontextmanager
async def screen(server: RedisServer, saga_id: str | None = None) -> AsyncIterator[Pilot[None]]:
    """Open the screen, and see that nothing holds it up while it is open."""
    app = SagazApp(RedisSnapshotStorage(server.url, read_only=True), Settings(), saga_id)
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        slowest = asyncio.create_task(_slowest_turn())
        yield pilot
        slowest.cancel()
        assert await slowest < 1.0


async def _slowest_turn() -> float:
    """Measure the longest time in which the loop did not come round, until cancelled."""
    loop, slowest = asyncio.get_running_loop(), 0.0
    try:
        while True:
            begun = loop.time()
            await asyncio.sleep(0.01)
            slowest = max(slowest, loop.time() - begun)
    except asyncio.CancelledError:
        return slowest


async def test_the_list_says_that_the_server_is_away_stays_usable_and_is_live_again_by_itself(
    server: RedisServer, outage: Outage
) -> None:
    async with RedisSnapshotStorage(server.url) as storage, screen(server) as pilot:
        for number in range(1, 6):
            await save(storage, f"order_{number}", 1)
        press(pilot, "3")
        await until_painted(pilot, "LIVE", "order_1", "order_5")

        await begin(outage, server)
        await until(pilot, lambda: "stale" in painted(pilot.app), "that it is stale")
        assert "retry in" in painted(pilot.app)
        assert "LIVE" not in painted(pilot.app)
        press(pilot, "j", "j")
        table = pilot.app.screen.table
        chosen = table.selected
        press(pilot, "k")
        await until(pilot, lambda: table.selected != chosen, "another row")
        press(pilot, "?")
        await until_painted(pilot, "quit")
        press(pilot, "escape")
        await until_painted(pilot, "order_5")

        await end(outage, server)
        await until_painted(pilot, "LIVE")
        await save(storage, "order_6", 1)
        await until(pilot, lambda: "order_6" in painted(pilot.app) or "newer" in painted(pilot.app))


async def test_a_list_asked_for_while_the_server_is_away_says_so_and_comes_once_it_is_back(
    server: RedisServer, outage: Outage
) -> None:
    async with RedisSnapshotStorage(server.url) as storage:
        await save(storage, "order_1", 1)
        async with screen(server) as pilot:
            await until_painted(pilot, "LIVE")
            await begin(outage, server)
            press(pilot, "3")
            await until_painted(pilot, "retry in")
            await end(outage, server)
            await until_painted(pilot, "LIVE", "order_1")


async def test_the_debugger_says_that_the_server_is_away_stays_usable_and_is_live_again_by_itself(
    server: RedisServer, outage: Outage
) -> None:
    async with RedisSnapshotStorage(server.url) as storage:
        await save(storage, "order_1", 1, 2, 3, 4)
        async with screen(server, "order_1") as pilot:
            await until_painted(pilot, "LIVE", "key_4")
            press(pilot, "h")
            await until_painted(pilot, "before step_3")

            await begin(outage, server)
            await until(pilot, lambda: "stale" in painted(pilot.app), "that it is stale")
            # What was read already can still be looked at, and the rest says what is wrong.
            press(pilot, "l")
            await until_painted(pilot, "before step_4", "key_4")
            press(pilot, "b")
            await until_painted(pilot, "redis://")
            press(pilot, "escape")
            press(pilot, "R")
            await until_painted(pilot, "the store is out of reach")
            press(pilot, "g")

            await end(outage, server)
            await until(pilot, lambda: "stale" not in painted(pilot.app), "that it answers")
            await until_painted(pilot, "before step_1", "key_1")
            await save(storage, "order_1", 5)
            press(pilot, "G")
            await until_painted(pilot, "LIVE", "before step_5", "key_5")


async def test_the_screen_can_be_left_while_the_server_stands_still(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RedisSnapshotStorage(server.url) as storage:
        await save(storage, "order_1", 1, 2)
    async with screen(server, "order_1") as pilot:
        await until_painted(pilot, "key_2")
        server.pause()
        press(pilot, "q")
        await until(pilot, lambda: pilot.app._exit, "the end")
        server.resume()


async def test_a_debugger_whose_server_came_back_empty_shows_what_is_recorded_from_then_on(
    tmp_path: Path,
) -> None:
    with RedisServer(tmp_path / "server") as server:
        async with RedisSnapshotStorage(server.url) as storage:
            await save(storage, "order_1", 1, 2, 3, 4)
            async with screen(server, "order_1") as pilot:
                await until_painted(pilot, "LIVE", "key_4")
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                await until_painted(pilot, "is not in this store")
                await storage.close()
                await save(storage, "order_1", 5, 6)
                await until_painted(pilot, "before step_6", "key_6", "#2/2")
                press(pilot, "h")
                await until_painted(pilot, "before step_5", "key_5")


def test_in_a_terminal_the_debugger_goes_on_after_its_server_was_away(
    server: RedisServer, tmp_path: Path
) -> None:
    async def more(*numbers: int) -> None:
        async with RedisSnapshotStorage(server.url) as storage:
            await save(storage, "order_1", *numbers)

    asyncio.run(more(1, 2))
    command = [SAGAZ, "tui", "order_1"]
    with Terminal(command, cwd=tmp_path, env={"SAGAZ_STORAGE_URL": server.url}) as terminal:
        terminal.wait_for("before step_2")
        terminal.wait_for("LIVE")
        server.kill()
        terminal.wait_for("stale")
        terminal.type("h")
        terminal.wait_for("before step_1")
        server.start()
        terminal.wait_for(lambda text: "stale" not in text)
        asyncio.run(more(3))
        terminal.type("G")
        terminal.wait_for("before step_3")
        terminal.wait_for("LIVE")
        terminal.type("qq")
        assert terminal.wait_for_end() == 0
