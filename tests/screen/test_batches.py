"""A batch that was begun in a shell, or was interrupted, is found, followed and gone on with."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import BatchEvent, BatchReplay
from sagaz_core.process import host_name
from sagaz_core.replay.batch.standing import read_standing
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.batch.journal import JournaledBatch
from sagaz_tui.batch.news import BatchNews
from sagaz_tui.replaying.stopping import CannotStopError
from sagaz_tui.screens.sagas import SagasScreen
from tests.cli.batch_shop import StuckOrder, environment, program
from tests.end_to_end.shop import ShopSaga
from tests.replay.shop import run_order
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.planned import ledger, settings


@pytest.fixture
async def orders(store: SnapshotStorage) -> SnapshotStorage:
    """Two orders that would succeed now, once the gateway answers."""
    Path("gateway-up").unlink()
    saga = ShopSaga({"order_id": "8"}, saga_id="order_8", snapshot_storage=store)
    await saga.execute()
    Path("gateway-up").touch()
    Path("gateway-answers").unlink()
    Path("ledger.txt").unlink()
    return store


@contextmanager
def in_a_shell(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A batch of them begun by a command."""
    words = program("replay", "batch", *arguments, "--storage-url", "sqlite:///sagaz.db")
    env = environment(SAGAZ_SAGAS="tests.end_to_end.shop")
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, env=env, stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.kill()


def app(storage: SnapshotStorage, **more: Any) -> SagazApp:
    return SagazApp(storage, settings(**more), ascii=False)


async def test_one_begun_in_a_shell_is_told_of_followed_stopped_and_gone_on_with(
    orders: SnapshotStorage,
) -> None:
    with in_a_shell("--yes") as shell:
        async with app(orders, production="PROD-EU").run_test(
            size=(80, 24), notifications=True
        ) as pilot:
            await until_painted(pilot, "batch 0 of 2 (B)")
            press(pilot, "B")
            await until_painted(pilot, "─ Batches ", "1 in this store", "▌▸ running     2 sagas")
            press(pilot, "enter")
            await until_painted(pilot, "RUNNING", "0 of 2", "▸ 1 under way", f":{shell.pid} works")
            assert "enter" not in painted(pilot.app)
            press(pilot, "X")
            await until_painted(pilot, "STOPPING", "those under way come to their end")
            Path("gateway-answers").touch()
            await until_painted(
                pilot, "STOPPED", "1 of 2", "✓ 1 succeeded", "R goes on with the one that is left"
            )
            press(pilot, "R")
            await until_painted(pilot, "Replay the one saga that is left", "Type 1:")
            press(pilot, "2", "enter")
            await until(pilot, lambda: "that is not 1" in painted(pilot.app), "a refusal")
            press(pilot, "backspace", "1", "enter")
            await until_painted(pilot, "COMPLETED", "2 of 2", "✓ 2 succeeded")
            press(pilot, "escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
            await until(pilot, lambda: "batch" not in painted(pilot.app), "no more news")
    assert ledger().count("charged") == 2


async def test_one_that_was_interrupted_is_told_of_until_somebody_has_seen_it(
    orders: SnapshotStorage,
) -> None:
    Path("gateway-answers").touch()
    batch = BatchReplay(orders)
    await batch.run(on_event=lambda event: batch.stop() if event.kind == "item_ended" else None)
    (entry,) = await orders.list_batches()
    long_ago = entry.started_at - timedelta(minutes=1)
    await orders.save_batch(replace(entry, status="running", started_at=long_ago))
    async with app(orders).run_test(size=(100, 24), notifications=True) as pilot:
        await until_painted(pilot, "batch interrupted at 1 of 2 (B)")
        press(pilot, "B")
        await until_painted(pilot, "interrupted 2 sagas")
        press(pilot, "enter")
        await until_painted(pilot, "INTERRUPTED", "the process that worked on it last is gone")
        press(pilot, "X", "Y")
        await until(pilot, lambda: pilot.app.clipboard, "something copied")
        assert pilot.app.clipboard == f"sagaz replay batch --resume {entry.batch_id}"
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
        await until(pilot, lambda: "interrupted" not in painted(pilot.app), "no more news")
        press(pilot, "B")
        await until_painted(pilot, "interrupted 2 sagas")
        press(pilot, "enter")
        await until_painted(pilot, "R goes on with")
        press(pilot, "R")
        await until_painted(pilot, "What has ended stays as it")
        press(pilot, "enter")
        await until_painted(pilot, "COMPLETED", "2 of 2", "✓ 2 succeeded")


async def test_a_store_without_batches_says_how_to_begin_one(orders: SnapshotStorage) -> None:
    async with app(orders).run_test(size=(80, 24), notifications=True) as pilot:
        await until_painted(pilot, "1 Failed 2")
        press(pilot, "B")
        await until_painted(pilot, "no batch was begun in this store; mark sagas, and replay them")
        press(pilot, "enter", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")


# ---------------------------------------------------------------- without a screen

FIXED = {"payment_token": "tok_new"}


async def followed(storage: SnapshotStorage) -> JournaledBatch:
    """The only batch of the store."""
    (entry,) = await storage.list_batches()
    return JournaledBatch(storage, await read_standing(storage, entry))


async def test_any_store_tells_how_far_a_batch_is(any_storage: SnapshotStorage) -> None:
    for number in range(3):
        await run_order(any_storage, f"order_{number}")
    seen: list[JournaledBatch] = []
    counts: list[tuple[int, int]] = []
    batch = BatchReplay(any_storage, context_override=FIXED)

    async def look() -> None:
        one = seen[0] if seen else await followed(any_storage)
        seen[:] = [one]
        await one.refresh()
        counts.append((one.progress.done, one.progress.total))

    tasks = []

    def on_event(event: BatchEvent) -> None:
        if event.kind == "item_ended":
            tasks.append(asyncio.ensure_future(look()))

    await batch.run(concurrency=1, on_event=on_event)
    for task in tasks:
        await task
    assert counts[0][1] == 3
    await look()
    (one,) = seen
    assert (one.state, one.over, one.trouble) == ("completed", True, "")
    assert (one.progress.done, one.progress.left) == (3, 0)
    assert one.progress.counts["succeeded"] == 3
    # Whoever looks only afterwards sees the same.
    again = await followed(any_storage)
    await again.refresh()
    assert (again.progress.done, again.progress.rate) == (3, None)


async def test_those_without_a_replay_are_told_of_once_all_is_done(store: SnapshotStorage) -> None:
    await StuckOrder({}, saga_id="stuck", snapshot_storage=store).execute()
    await BatchReplay(store).run()
    one = await followed(store)
    await one.refresh()
    (item,) = one.progress.troubled
    assert (item.state, item.saga_id) == ("in_doubt", "stuck")
    assert item.words == "in doubt: the plan of its replay says why"
    assert (one.progress.done, one.progress.counts["in_doubt"]) == (2, 1)


async def test_only_a_process_of_this_machine_can_be_stopped(store: SnapshotStorage) -> None:
    batch = BatchReplay(store)
    await batch.run()
    for owner, why in (
        ("sam@far-away:12", "sam@far-away:12 works on it; stop it there"),
        (f"sam@{host_name()}:1", "which is no `sagaz replay batch` of this machine"),
    ):
        lease = await store.acquire_lease(str(batch.batch_id), owner=owner, holder="batch")
        one = await followed(store)
        with pytest.raises(CannotStopError, match=why):
            one.stop()
        assert one.stops == 0
        await lease.release()


async def test_of_several_the_one_that_runs_is_told_of(store: SnapshotStorage) -> None:
    batch = BatchReplay(store)
    await batch.run()
    (ended,) = await store.list_batches()
    later = ended.started_at + timedelta(seconds=1)
    await store.save_batch(replace(ended, batch_id="batch-later", started_at=later))
    lease = await store.acquire_lease(ended.batch_id, owner="sam@far:1", holder="batch")
    news = BatchNews(store, lambda: None)
    await news._look()
    assert news.batch is not None
    assert news.batch.progress.batch_id == ended.batch_id
    assert news.words == "batch 1 of 1"
    await lease.release()
    await news._look()
    assert news.words == "batch ended"
    news.left(news.batch)
    assert news.words == ""
