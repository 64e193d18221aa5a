"""Sagas to move and to keep: families with replays, tags, deleted checkpoints, long histories."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sagaz_core.model import PlannedOverride, ReplayLogEntry, StepError, utc_now
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, snapshot

LATER = utc_now() + timedelta(days=30)


async def record(
    storage: SnapshotStorage,
    saga_id: str,
    *,
    steps: int = 3,
    outcome: Any = "completed",
    tags: dict[str, str] | None = None,
    until: datetime | None = LATER,
    size: int = 10,
    start: int = 0,
) -> None:
    """Record a saga that ran under a lease; ``outcome`` ``executing`` leaves it running."""
    writer = storage.writer(
        saga_id=saga_id,
        saga_name="Order",
        code="shop:Order",
        tags=tags or {},
        fence=1,
        claim=True,
        owner="ada@host",
    )
    for step in range(steps):
        await writer.append(
            capture(
                snapshot(
                    saga_id,
                    f"step_{step}",
                    context={"n": step, "log": list(range(step)), "text": "x" * size},
                    created_at=T0 + timedelta(seconds=start + step),
                    retention_until=until,
                )
            )
        )
    if outcome == "executing":
        return
    await writer.append(
        capture(
            snapshot(
                saga_id,
                f"step_{steps}",
                kind=outcome,
                status=outcome,
                context={"n": steps},
                error=StepError("Declined", f"card of {saga_id}") if outcome == "failed" else None,
                created_at=T0 + timedelta(seconds=start + steps),
                retention_until=until,
            )
        ),
        release=True,
    )


async def replay(
    storage: SnapshotStorage,
    root_id: str,
    number: int = 1,
    *,
    succeeds: bool = True,
    until: datetime | None = LATER,
) -> str:
    """Record a replay of a saga, with its line in the log; returns the replay's id."""
    replay_id = f"{root_id}~r{number}"
    lease = await storage.acquire_lease(root_id, owner="bob@host", holder=replay_id)
    entry = ReplayLogEntry(
        replay_id=replay_id,
        original_saga_id=root_id,
        from_step="step_1",
        snapshot_id="x",
        sequence=2,
        override=(PlannedOverride(path="/n", before=1, after=2),),
        initiated_by="bob@host",
        started_at=T0 + timedelta(minutes=number),
    )
    await storage.save_replay_log(entry)
    writer = storage.writer(
        saga_id=replay_id,
        saga_name="Order",
        root_id=root_id,
        parent_id=root_id,
        parent_sequence=2,
        fence=lease.fence,
    )
    status: Any = "completed" if succeeds else "failed"
    await writer.append(
        capture(
            snapshot(
                replay_id,
                context={"n": 2},
                created_at=T0 + timedelta(minutes=number),
                retention_until=until,
            )
        )
    )
    await writer.append(
        capture(
            snapshot(
                replay_id,
                kind=status,
                status=status,
                created_at=T0 + timedelta(minutes=number, seconds=1),
                retention_until=until,
            )
        ),
        release=True,
    )
    await storage.save_replay_log(
        ReplayLogEntry(
            **{
                **{name: getattr(entry, name) for name in entry.__slots__},
                "outcome": "success" if succeeds else "failed",
                "finished_at": T0 + timedelta(minutes=number, seconds=1),
            }
        )
    )
    return replay_id


async def fill(storage: SnapshotStorage) -> None:
    """Record seven sagas of every sort: replays, a long one, a deleted checkpoint."""
    await record(storage, "plain", tags={"order_id": "8841"})
    await record(storage, "failed", outcome="failed")
    await record(storage, "replayed", outcome="failed")
    await replay(storage, "replayed", 1, succeeds=False)
    await replay(storage, "replayed", 2)
    await record(storage, "long", steps=300, size=3000, until=None)
    hidden = (await storage.list_checkpoints("failed"))[1]
    await storage.delete_snapshot(hidden.snapshot_id)
    await storage.save_snapshot(snapshot("of another engine", context={"a": 1}))


async def everything(storage: SnapshotStorage) -> dict[str, Any]:
    """Return all that a reader can learn of every saga in a store, each under its id."""
    told: dict[str, Any] = {}
    cursor: str | None = None
    while True:
        page = await storage.list_sagas(cursor=cursor, limit=50)
        for listed in page.sagas:
            saga_id = listed.saga_id
            saga = await storage.get_saga(saga_id)
            family = await storage.get_family(listed.root_id)
            assert saga is not None
            told[saga_id] = (
                saga,
                saga.tags,
                (family.holder, family.owner, family.recovered_by) if family else None,
                [found async for found in storage.iter_checkpoints(saga_id)],
                await storage.list_checkpoints(saga_id),
                await storage.list_changes(saga_id),
                await storage.get_run(saga_id),
                await storage.list_replays(saga_id),
            )
        cursor = page.cursor
        if cursor is None:
            return told
