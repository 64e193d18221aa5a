"""Tells how a replay goes while it runs, by what the store learns of it."""

from __future__ import annotations

import contextlib
from collections.abc import Set
from typing import Final

from sagaz_core.errors import SagaNotFoundError, StorageError
from sagaz_core.model import CheckpointSummary, Kind, ReplayLogEntry
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.cli.exits import say

_POLL_SECONDS: Final = 1.0
_WORDS: Final[dict[Kind, str]] = {
    "before_step": "running {step}",
    "after_step": "completed {step}",
    "step_failed": "{step} failed: {error}",
    "before_compensation": "undoing {step}",
    "after_compensation": "undone {step}",
    "compensation_failed": "{step} could not be undone: {error}",
    "completed": "completed",
    "failed": "failed",
    "manual": "checkpoint {step}",
}


class Progress:
    """Follows the one replay that this process starts; what it tells goes to stderr."""

    def __init__(self, store: SnapshotStorage, saga_id: str, known: Set[str]) -> None:
        """Prepare to follow.

        Args:
            store: the store that the replay is recorded into.
            saga_id: the saga that is replayed.
            known: the ids of the replays that it had before.
        """
        self.replay_id: str | None = None
        """The replay's id, once it has started."""
        self._store = store
        self._saga_id = saga_id
        self._known = known
        self._told = 0

    async def watch(self) -> None:
        """Tell what happens as it happens, until cancelled."""
        cursor: int | None = None
        while True:
            cursor = await self._store.wait(cursor, _POLL_SECONDS)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Tell what has not been told yet. A store that is gone just leaves more untold."""
        with contextlib.suppress(StorageError, SagaNotFoundError):
            if self.replay_id is None:
                for entry in await self._store.list_replays(self._saga_id):
                    if entry.replay_id not in self._known:
                        self.replay_id = entry.replay_id
                        tell(_started(entry))
            if self.replay_id is not None:
                for checkpoint in await self._store.list_checkpoints(
                    self.replay_id, after=self._told
                ):
                    self._told = checkpoint.sequence
                    tell(f"{self.replay_id}: {_happened(checkpoint)}")


def tell(text: str) -> None:
    """Say something; a terminal that is gone is no reason to stop a replay."""
    with contextlib.suppress(OSError):
        say(text)


def _started(entry: ReplayLogEntry) -> str:
    return f"replay {entry.replay_id} started at {entry.from_step}, from #{entry.sequence}"


def _happened(checkpoint: CheckpointSummary) -> str:
    return _WORDS[checkpoint.kind].format(
        step=checkpoint.step_name or checkpoint.label or "",
        error=checkpoint.error.headline if checkpoint.error else "",
    )
