"""A process that works on a batch: ``FOLDER [BATCH_ID]``.

It prints the id of its batch as soon as it has begun, and its report at the end, each as a line
of JSON. A charge is written to ``charges.txt`` at once, and answered when there is a file ``go``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from sagaz_core import BatchEvent, BatchReplay, Saga
from sagaz_core.saga import recording
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import SQLiteSnapshotStorage

LEASE_SECONDS = 4.0
"""After so long a worker that was killed is known to be dead."""


class WorkedTogether(Saga):
    """Checks, charges by key, and packs."""

    async def build(self) -> None:
        await self.add_step("check", self.check)
        await self.add_step("charge", self.charge, idempotent=True)
        await self.add_step("pack", self.pack)

    async def check(self, ctx: StepContext) -> None:
        if not ctx["may_run"]:
            raise ConnectionError("the gateway is down")

    async def charge(self, ctx: StepContext) -> None:
        folder = Path(ctx["folder"])
        _note(folder / "charges.txt", ctx)
        await _there(folder / "go")

    async def pack(self, ctx: StepContext) -> None:
        _note(Path(ctx["folder"]) / "packed.txt", ctx)


async def _there(path: Path) -> None:
    """Wait until there is such a file."""
    while True:
        if path.exists():
            return
        await asyncio.sleep(0.01)


def _note(path: Path, ctx: StepContext) -> None:
    """Write a line in one system call, so that none is torn."""
    line = f"{ctx['order_id']} {ctx.idempotency_key} {os.getpid()}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


async def work(folder: Path, batch_id: str | None) -> None:
    def tell(event: BatchEvent) -> None:
        if event.kind == "batch_started":
            say({"batch_id": event.batch_id})

    async with SQLiteSnapshotStorage(folder / "orders.db") as storage:
        if batch_id is None:
            batch = BatchReplay(storage, context_override={"may_run": True})
            report = await batch.run(canary=False, concurrency=2, on_event=tell)
        else:
            report = await BatchReplay(storage).resume(
                batch_id, canary=False, concurrency=2, on_event=tell
            )
    say(
        {
            "status": report.status,
            "succeeded": report.succeeded,
            "replays": {item.saga_id: item.new_saga_id for item in report.items},
        }
    )


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    recording.LEASE_TERM = LEASE_SECONDS  # type: ignore[misc]
    asyncio.run(work(Path(sys.argv[1]), *sys.argv[2:] or [None]))
