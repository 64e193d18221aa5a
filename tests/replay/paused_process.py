"""A run that is stopped past its lease's term and continued, in a process of its own.

Called with a store's address and a plan as JSON, it runs the saga ``p`` and prints how that ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from sagaz_core.config import Backoff, ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga import recording
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.url import open_storage

TERM = 0.5
WHO = {"acts": "another"}


class PausableErrand(Saga):
    """Three steps over a ledger file in a folder; the second waits for the file ``finish``."""

    async def build(self) -> None:
        for name in ("first", "pause", "last"):
            await self.add_step(
                name,
                self.act,
                self.undo,
                idempotent=True,
                max_retries=1,
                retry_backoff=Backoff(initial=0),
            )

    async def act(self, ctx: Any) -> None:
        folder = Path(ctx["folder"])
        note(folder, ctx.step)
        await self.checkpoint(f"in {ctx.step}")
        if ctx.step == "pause":
            (folder / "waiting").touch()
            while not (folder / "finish").exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)
            if ctx["fails"] and WHO["acts"] == "the holder":
                raise ConnectionError("the line is dead")

    async def undo(self, _result: None, ctx: Any) -> None:
        note(Path(ctx["folder"]), f"undo {ctx.step}")


def note(folder: Path, words: str) -> None:
    with (folder / "ledger").open("a") as ledger:
        ledger.write(f"{WHO['acts']}: {words}\n")


async def hold(
    storage: SnapshotStorage, folder: str, *, strategy: SnapshotStrategy, fails: bool, replays: bool
) -> dict[str, Any]:
    """Run it, or replay what ran before, and return how it ended."""
    if replays:
        result = await SagaReplay("p", storage).from_checkpoint(
            "pause", context_override={"fails": False}
        )
        return {"status": result.status, "error": result.error_message}
    saga = PausableErrand(
        {"folder": folder, "fails": fails},
        saga_id="p",
        snapshot_storage=storage,
        config=SagaConfig(
            replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy)
        ),
    )
    ended = await saga.execute()
    return {"status": ended.status, "error": f"{type(ended.error).__name__}: {ended.error}"}


async def main(url: str, plan: dict[str, Any]) -> None:
    async with open_storage(url) as storage:
        sys.stdout.write(json.dumps(await hold(storage, **plan)))


if __name__ == "__main__":
    recording.LEASE_TERM = TERM  # type: ignore[misc]
    WHO["acts"] = "the holder"
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
