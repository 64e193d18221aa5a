"""A Redis server that stops, stands still, forgets or is full in the middle of running sagas."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from redis.asyncio import Redis

from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.errors import LeaseLostError, SnapshotCaptureError
from sagaz_core.model import SagaResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga import recording
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.backends.redis import connection as redis_connection
from sagaz_core.storage.capture import Capture
from sagaz_core.storage.writer import SagaWriter
from sagaz_core.testing.redis_server import RedisServer
from tests.replay import shop
from tests.saga.sagas import Built, Gate, Ledger
from tests.storage.redis_proxy import redis_proxy

RAISING = SagaConfig(replay_config=ReplayConfig(enable_snapshots=True, on_capture_error="raise"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that keeps what it has acknowledged."""
    with RedisServer(tmp_path / "server", durable=True) as server:
        yield server


Outage = Literal["stopped", "killed", "paused", "full"]
OUTAGES: tuple[Outage, ...] = ("stopped", "killed", "paused", "full")
WORDS = {
    "stopped": "cannot be reached",
    "killed": "cannot be reached",
    "paused": "has not answered",
    "full": "has no memory left; run `sagaz prune`, or raise its maxmemory",
}


@pytest.fixture(params=OUTAGES)
def outage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Outage:
    """Each way in which a server can be away."""
    if request.param == "paused":
        # It is given up on after less than the five seconds.
        monkeypatch.setattr(redis_connection, "REPLY_SECONDS", 0.3)
    return request.param


async def limit_memory(server: RedisServer, limit: str) -> None:
    async with Redis.from_url(server.url) as client:
        await client.config_set("maxmemory", limit)


async def begin(outage: Outage, server: RedisServer) -> None:
    match outage:
        case "stopped":
            await asyncio.to_thread(server.stop)
        case "killed":
            await asyncio.to_thread(server.kill)
        case "paused":
            server.pause()
        case "full":
            await limit_memory(server, "1")


async def end(outage: Outage, server: RedisServer) -> None:
    match outage:
        case "stopped" | "killed":
            await asyncio.to_thread(server.start)
        case "paused":
            server.resume()
        case "full":
            await limit_memory(server, "0")


def through_an_outage(
    server: RedisServer, outage: Outage, ledger: Ledger
) -> Callable[[Any], Awaitable[None]]:
    """Return a build of five steps; from within the first to within the third it is away."""

    async def leave(ctx: Any) -> None:
        ledger.append("a")
        ctx["by_a"] = 1
        await begin(outage, server)

    async def come_back(ctx: Any) -> None:
        ledger.append("c")
        await end(outage, server)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", leave, ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b", "done"), ledger.undoes("b"))
        await saga.add_step("c", come_back, ledger.undoes("c"))
        await saga.add_step("d", ledger.does("d"))
        await saga.add_step("e", ledger.does("e"))

    return build


# ---------------------------------------------------------------- a run that goes on


async def test_a_saga_goes_on_while_the_server_is_away_and_is_recorded_again_once_it_is_back(
    server: RedisServer, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    async with RedisSnapshotStorage(server.url) as storage:
        build = through_an_outage(server, outage, ledger)
        with caplog.at_level(logging.WARNING, logger="sagaz"):
            saga = Built(build, {"order": 1}, saga_id="s", snapshot_storage=storage)
            result = await saga.execute()

        assert (result.status, ledger) == ("completed", ["a", "b", "c", "d", "e"])
        # Those before the steps b and c.
        assert result.capture_errors == 2
        said = [record.message for record in caplog.records]
        assert len([line for line in said if "a checkpoint could not be written" in line]) == 2
        assert all(WORDS[outage] in line for line in said if "could not be written" in line)
        found = await storage.list_checkpoints("s")
        assert [each.sequence for each in found] == list(range(1, len(found) + 1))
        # One that stood still may take a write when nobody waits for it any more.
        kept = [each for each in found if each.step_name != "b"]
        assert len(found) == len(kept) or outage == "paused"
        assert [(each.step_name, each.gap) for each in kept] == [
            ("a", 0),
            ("d", 2),
            ("e", 0),
            (None, 0),
        ]
        assert [record.name for record in kept[1].step_records] == ["a", "b", "c"]
        assert {(touch.key, touch.step_name) for touch in await storage.list_changes("s")} == {
            ("order", None),
            ("by_a", "a"),
            ("b", "b"),
        }
        saved = await storage.get_saga("s")
        assert saved is not None
        assert (saved.status, saved.checkpoints) == ("completed", len(found))


async def test_a_saga_that_must_be_recorded_fails_in_words_and_is_undone(
    server: RedisServer, outage: Outage
) -> None:
    ledger = Ledger()
    async with RedisSnapshotStorage(server.url) as storage:
        build = through_an_outage(server, outage, ledger)
        saga = Built(build, saga_id="s", config=RAISING, snapshot_storage=storage)
        result = await saga.execute()

        assert (result.status, result.compensation) == ("failed", "completed")
        assert ledger == ["a", "-a"]
        assert isinstance(result.error, SnapshotCaptureError)
        assert WORDS[outage] in str(result.error)
        await end(outage, server)
        saved = await storage.get_saga("s")
        assert saved is not None
        # One that stood still takes what was sent, when nobody waits for it any more.
        assert saved.checkpoints == 1 or outage == "paused"


async def test_a_replay_stops_where_it_is_when_the_server_is_away_and_goes_on_when_it_is_back(
    server: RedisServer, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "LEDGER", shop.Ledger())
    charge = shop.Shop.charge

    async def charge_and_lose_the_server(saga: shop.Shop, ctx: Any) -> str:
        answer = await charge(saga, ctx)
        await begin(outage, server)
        return answer

    async with RedisSnapshotStorage(server.url) as storage:
        await shop.run_order(storage)
        monkeypatch.setattr(shop.Shop, "charge", charge_and_lose_the_server)
        result = await SagaReplay("order_1", storage).from_checkpoint(
            "charge", context_override={"payment_token": "tok_new"}
        )
        assert result.status == "failed"
        assert result.error_message is not None
        assert WORDS[outage] in result.error_message
        # What is undone and not recorded would be taken for done by whoever goes on with it.
        assert "left these steps as they are: reserve, charge" in result.error_message
        assert shop.LEDGER.verbs(result.new_saga_id) == ["reserve", "charge"]
        await end(outage, server)
        assert result.new_saga_id is not None
        await shop.let_lapse(storage)
        replay = SagaReplay(result.new_saga_id, storage)
        asked = await replay.resume()
        # One that stood still has learned of the charge, when nobody waited for it any more.
        in_doubt = "ship" if outage == "paused" else "charge"
        assert f"while {in_doubt!r} was under way" in (asked.error_message or "")
        resumed = await replay.resume(in_doubt="skip" if in_doubt == "charge" else "retry")
        assert resumed.status == "success"
        assert shop.LEDGER.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


async def test_a_run_whose_lease_lapsed_while_it_was_cut_off_and_was_taken_over_acts_no_more(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.6)
    ledger, gate = Ledger(), Gate()

    async def build(saga: Saga) -> None:
        async def wait(ctx: Any) -> None:
            ledger.append("a")
            await gate.pass_through()

        await saga.add_step("a", wait, ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))

    async with (
        redis_proxy(server.url) as proxy,
        RedisSnapshotStorage(proxy.url) as storage,
        RedisSnapshotStorage(server.url) as other,
    ):
        run = asyncio.create_task(Built(build, saga_id="s", snapshot_storage=storage).execute())
        await gate.reached.wait()
        server.pause()
        proxy.cut()
        server.resume()
        async with asyncio.timeout(20):
            while True:
                family = await other.get_family("s")
                assert family is not None
                if not family.held:
                    break
                await asyncio.sleep(0.02)
        # Not fence 1: on a busy machine the run may have let its short lease lapse, and taken it
        # anew, before the cut.
        await other.acquire_lease("s", owner="me", holder="s~r1", expect_fence=family.fence)
        proxy.mend()
        gate.opened.set()
        result = await run

        assert ledger == ["a"]
        assert result.status == "failed"
        assert isinstance(result.error, LeaseLostError)
        assert "another run" in str(result.error)


# ---------------------------------------------------------------- a server that forgot everything


async def test_a_run_goes_on_when_the_server_comes_back_empty_and_is_recorded_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    with RedisServer(tmp_path / "server", durable=False) as server:

        async def forget(ctx: Any) -> None:
            ledger.append("b")
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

        async def build(saga: Saga) -> None:
            await saga.add_step("a", ledger.does("a", "done"))
            await saga.add_step("b", forget)
            for name in "cd":
                await saga.add_step(name, ledger.does(name))

        async with RedisSnapshotStorage(server.url) as storage:
            saga = Built(build, {"order": 1}, saga_id="s", snapshot_storage=storage)
            with caplog.at_level(logging.WARNING, logger="sagaz"):
                result = await saga.execute()

            assert (result.status, ledger) == ("completed", ["a", "b", "c", "d"])
            assert result.capture_errors == 1
            (said,) = [
                each.message for each in caplog.records if "lost what it had" in each.message
            ]
            assert "recorded anew" in said
            assert "`sagaz doctor`" in said

        # Another that only looks finds a store, and in it what was recorded since.
        async with RedisSnapshotStorage(server.url, read_only=True) as looking:
            found = await looking.list_checkpoints("s")
            assert [(each.sequence, each.step_name, each.gap) for each in found] == [
                (1, "d", 1),
                (2, None, 0),
            ]
            snapshot = await looking.get_checkpoint("s", 1)
            assert snapshot.context == {"order": 1}
            assert snapshot.results == {"a": "done"}
            (listed,) = (await looking.list_sagas(status="completed")).sagas
            assert listed.saga_id == "s"


# ---------------------------------------------------------------- many runs at once


class Acknowledged:
    """Notes every checkpoint of which a writer said that it is durable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: dict[str, tuple[str, int]] = {}
        self.changed = asyncio.Event()
        append = SagaWriter.append

        async def noted(writer: SagaWriter, taken: Capture, **how: Any) -> int:
            number = await append(writer, taken, **how)
            self.places[taken.snapshot_id] = (writer.saga_id, number)
            self.changed.set()
            return number

        monkeypatch.setattr(SagaWriter, "append", noted)

    async def reach(self, count: int) -> None:
        """Wait until there are so many."""
        while len(self.places) < count:
            self.changed.clear()
            await self.changed.wait()


@pytest.mark.parametrize(
    ("rounds", "away_for"),
    [
        (3, "a moment"),
        (1, "some checkpoints"),
        pytest.param(30, "a moment", marks=pytest.mark.torture),
        pytest.param(15, "some checkpoints", marks=pytest.mark.torture),
    ],
)
async def test_a_server_killed_under_twenty_sagas_keeps_all_it_acknowledged_and_they_go_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rounds: int,
    away_for: str,
) -> None:
    for number in range(rounds):
        with (
            monkeypatch.context() as patch,
            RedisServer(tmp_path / str(number), durable=True) as server,
        ):
            caplog.clear()
            acknowledged = Acknowledged(patch)
            ledger = Ledger()
            async with RedisSnapshotStorage(server.url) as storage:
                runs = [
                    asyncio.create_task(_twelve_steps(storage, f"s{each}", ledger))
                    for each in range(20)
                ]
                await acknowledged.reach(60 + 23 * number % 100)
                await asyncio.to_thread(server.kill)
                if away_for == "some checkpoints":
                    await _until_some_fail(caplog)
                await asyncio.to_thread(server.start)
                results = await asyncio.gather(*runs)

            assert {result.status for result in results} == {"completed"}
            assert Counter(ledger) == {
                f"s{each} {step}": 1 for each in range(20) for step in range(12)
            }
            async with RedisSnapshotStorage(server.url, read_only=True) as fresh:
                await _check_all(fresh, acknowledged.places, results)
            lost = sum(result.capture_errors for result in results)
            assert lost == len(_failures(caplog))
            assert (away_for == "a moment") or lost > 0


async def _twelve_steps(storage: RedisSnapshotStorage, saga_id: str, ledger: Ledger) -> SagaResult:
    async def build(saga: Saga) -> None:
        for step in range(12):
            await saga.add_step(f"step{step}", ledger.does(f"{saga_id} {step}", step))

    return await Built(build, saga_id=saga_id, snapshot_storage=storage).execute()


async def _until_some_fail(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(20):
        while not _failures(caplog):  # noqa: ASYNC110 - logging tells nobody
            await asyncio.sleep(0.01)


def _failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if "could not be" in each.message]


async def _check_all(
    storage: RedisSnapshotStorage,
    acknowledged: dict[str, tuple[str, int]],
    results: list[SagaResult],
) -> None:
    """See that what was acknowledged is there under its number, once, and gaps are told."""
    stored: dict[str, tuple[str, int]] = {}
    for result in results:
        found = await storage.list_checkpoints(result.saga_id)
        assert [each.sequence for each in found] == list(range(1, len(found) + 1))
        assert len({each.snapshot_id for each in found}) == len(found)
        stored |= {each.snapshot_id: (result.saga_id, each.sequence) for each in found}
        saga = await storage.get_saga(result.saga_id)
        assert saga is not None
        assert saga.status == "completed"
        if found[-1].kind == "completed":
            # What was sent and never answered may have been stored all the same.
            assert result.capture_errors == sum(each.gap for each in found)
            last = await storage.get_checkpoint(result.saga_id, len(found))
            assert last.results == {f"step{step}": step for step in range(12)}
    assert acknowledged.items() <= stored.items()
