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
    """Follows one saga that this process runs; what it tells goes to stderr."""

    def __init__(
        self, store: SnapshotStorage, saga_id: str | None = None, *, after: int = 0
    ) -> None:
        """Prepare to follow.

        Args:
            store: the store that the saga is recorded into.
            saga_id: the saga; None: it is not known yet.
            after: the number of the checkpoint after which it goes on.
        """
        self.saga_id = saga_id
        self.told = after
        """The number of the latest checkpoint that was told of."""
        self._store = store
        self._functions: dict[str, str] | None = None

    async def watch(self) -> None:
        """Tell what happens as it happens, until cancelled."""
        cursor: int | None = None
        while True:
            cursor = await self._store.wait(cursor, _POLL_SECONDS)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Tell what has not been told yet. A store that is gone just leaves more untold."""
        with contextlib.suppress(StorageError, SagaNotFoundError):
            if self.saga_id is None:
                await self._find()
            if self.saga_id is not None:
                for checkpoint in await self._store.list_checkpoints(self.saga_id, after=self.told):
                    happened = _happened(checkpoint)
                    if checkpoint.kind == "before_compensation":
                        happened += await self._by_which(self.saga_id, checkpoint.step_name)
                    self.told = checkpoint.sequence
                    tell(f"{self.saga_id}: {happened}")

    async def _by_which(self, saga_id: str, step: str | None) -> str:
        if self._functions is None:
            run = await self._store.get_run(saga_id)
            self._functions = {step.name: step.compensation for step in run.steps}
        function = self._functions.get(step or "")
        return f" by {function}" if function else ""

    async def _find(self) -> None:
        """Find out which saga it is."""


class ReplayProgress(Progress):
    """Follows the one replay that this process starts."""

    def __init__(self, store: SnapshotStorage, original: str, known: Set[str]) -> None:
        """Prepare to follow.

        Args:
            store: the store that the replay is recorded into.
            original: the saga that is replayed.
            known: the ids of the replays that it had before.
        """
        super().__init__(store)
        self._original = original
        self._known = known

    async def _find(self) -> None:
        for entry in await self._store.list_replays(self._original):
            if entry.replay_id not in self._known:
                self.saga_id = entry.replay_id
                tell(_started(entry))


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
