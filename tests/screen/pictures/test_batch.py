"""A batch: what it would do, how far it is, and what came of it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sagaz_core.model import BatchLogEntry
from sagaz_core.replay.batch.standing import read_standing
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.batch.journal import JournaledBatch
from sagaz_tui.batch.progress import BatchProgress
from sagaz_tui.batch.run import BatchRequest, BatchRun
from sagaz_tui.screens.batch import BatchScreen
from sagaz_tui.screens.batch_preview import BatchPreviewScreen
from sagaz_tui.screens.batch_resume import BatchResumeScreen
from sagaz_tui.screens.batches import BatchesScreen
from screenshots.recording import NOW
from screenshots.recording_batch import batch_under_way
from tests.screen.looking import press, until_painted
from tests.screen.pictures.conftest import Matches
from tests.screen.pictures.opened import in_each_theme, opened, show

NOBODY = 1 << 22
"""A process that there is not."""


async def test_what_it_would_do(shop: Path, matches: Matches) -> None:
    async with opened(shop) as pilot:
        await until_painted(pilot, "order_8841")
        press(pilot, "/", *"step:ship_order", "enter", "*")
        await until_painted(pilot, "marked")
        press(pilot, "R")
        await matches(pilot, "batch-preview")
        await in_each_theme(pilot, matches, "batch-preview")
        press(pilot, "e", *"retry:=2")
        await matches(pilot, "batch-edit")
        press(pilot, "enter", "f")
        await matches(pilot, "batch-file")
        press(pilot, *"nowhere.csv", "enter")
        await matches(pilot, "batch-edited")
    async with opened(shop, production="PROD-EU") as pilot:
        await show(pilot, BatchPreviewScreen(BatchRequest(("order_8841",))))
        await matches(pilot, "batch-in-production")
        await show(pilot, BatchPreviewScreen(BatchRequest(("order_8837",))))
        await matches(pilot, "batch-of-nothing")


async def test_how_far_it_is(tmp_path: Path, matches: Matches) -> None:
    async with InMemorySnapshotStorage() as storage, opened(storage) as pilot:
        await show(pilot, BatchScreen(batch_under_way(tmp_path)))
        await matches(pilot, "batch-progress")
        await in_each_theme(pilot, matches, "batch-progress")


async def test_what_came_of_it(tmp_path: Path, matches: Matches) -> None:
    endings = {
        "batch-completed": [item(1, "succeeded"), item(2, "succeeded"), told("batch_ended", 2)],
        "batch-with-failures": [
            item(1, "succeeded"),
            item(2, "failed", error="ship_order: CarrierDown: 503 from storm_express"),
            told("batch_ended", 2),
        ],
        "batch-stopped": [
            item(1, "failed", error="charge_payment: GatewayTimeout: no answer after 30s"),
            told("batch_ended", 1),
            "sagaz: 1 is left; `sagaz replay batch --resume batch-1` goes on with it",
        ],
        "batch-ended-early": [item(1, "succeeded"), "sagaz: the store's disk is full"],
    }
    async with InMemorySnapshotStorage() as storage, opened(storage) as pilot:
        for name, lines in endings.items():
            log = tmp_path / f"{name}.log"
            log.write_text("\n".join([told("batch_started", 0), *lines]) + "\n")
            run = BatchRun(NOBODY, log)
            await show(pilot, BatchScreen(run))
            await matches(pilot, name)


async def test_those_of_a_store_and_going_on_with_one(matches: Matches) -> None:
    async with InMemorySnapshotStorage() as storage:
        for number, status in enumerate(("completed", "stopped", "running")):
            await storage.save_batch(
                BatchLogEntry(
                    batch_id=f"batch-{number}",
                    items=(("order_1", "OrderSaga", "charge_payment", None),) * (number + 1),
                    started_at=NOW - timedelta(hours=3 - number),
                    status=status,  # type: ignore[arg-type]
                    initiated_by="ana@shop-3",
                    reason="the gateway is back",
                )
            )
        async with opened(storage) as pilot:
            await until_painted(pilot, "batch interrupted")
            await matches(pilot, "list-with-batches")
            await pilot.app.push_screen(BatchesScreen())
            await matches(pilot, "batches")
            await pilot.app.pop_screen()
            progress = BatchProgress()
            progress.total, progress.done = 1499, 874
            await pilot.app.push_screen(BatchResumeScreen(progress))
            await matches(pilot, "batch-resume")
            await pilot.app.pop_screen()
            progress.counts["in_doubt"] = 3
            await pilot.app.push_screen(BatchResumeScreen(progress))
            press(pilot, "i")
            await matches(pilot, "batch-resume-in-doubt")
            for name in ("batch-interrupted", "batch-elsewhere"):
                if name == "batch-elsewhere":
                    await storage.acquire_lease("batch-2", owner="ana@far:4711", holder="batch-2")
                (entry, *_) = await storage.list_batches()
                standing = await read_standing(storage, entry)
                await show(pilot, BatchScreen(JournaledBatch(storage, standing)))
                await matches(pilot, name)


def told(kind: str, done: int, **more: Any) -> str:
    """One line, as the process writes it."""
    event = {"event": kind, "at": "2026-07-03T03:12:07+00:00", "batch_id": "batch-1"}
    return json.dumps(event | {"done": done, "total": 2} | more)


def item(number: int, state: str, **more: Any) -> str:
    """How one saga's replay ended."""
    saga_id = f"order_{number}"
    ended = {"saga_id": saga_id, "new_saga_id": f"{saga_id}~r1", "state": state}
    return told("item_ended", number, **ended, **{"error": None, "reason": None, **more})
