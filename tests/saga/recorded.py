"""Runs that are recorded, and their timelines, for the tests."""

from __future__ import annotations

from typing import Any

from sagaz_core.config import ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.model import CheckpointSummary
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Build, Built, Ledger


def recorded(strategy: SnapshotStrategy, **more: Any) -> SagaConfig:
    """Return a configuration that records by ``strategy``."""
    return SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy, **more)
    )


async def order(saga: Saga) -> None:
    """Add an order's steps, the last of which fails."""
    ledger = Ledger()
    await saga.add_step("reserve", ledger.does("", {"id": "rsv_1"}), ledger.undoes("reserve"))
    await saga.add_step("charge", ledger.does("", 99), ledger.fails("undo charge"))
    await saga.add_step(
        "ship", ledger.fails("ship", ValueError("no carrier")), max_retries=1, retry_backoff=0
    )


async def errand(saga: Saga) -> None:
    """Add two steps that succeed."""
    await saga.add_step("go", Ledger().does(""))
    await saga.add_step("come", Ledger().does(""))


async def timeline(
    storage: SnapshotStorage, build: Build, config: SagaConfig | None = None, **more: Any
) -> list[CheckpointSummary]:
    """Run a saga called ``s`` and return its checkpoints."""
    await Built(build, saga_id="s", config=config, snapshot_storage=storage, **more).execute()
    return await storage.list_checkpoints("s")


def kinds(entries: list[CheckpointSummary]) -> list[tuple[str, str | None]]:
    return [(entry.kind, entry.step_name) for entry in entries]


ROLLBACK = [
    ("step_failed", "ship"),
    ("before_compensation", "charge"),
    ("compensation_failed", "charge"),
    ("before_compensation", "reserve"),
    ("after_compensation", "reserve"),
    ("failed", "ship"),
]
