"""One look at a family: what is asked of the store, it is asked once."""

from __future__ import annotations

from sagaz_core.model import CheckpointSummary, RunInfo, SagaSnapshot, SagaSummary
from sagaz_core.storage.storage import SnapshotStorage


class Look:
    """Answers as the store it looks at, and remembers what that said.

    What it says belongs to about one moment, so it is for one plan.
    """

    def __init__(self, storage: SnapshotStorage) -> None:
        self._storage = storage
        self._families: dict[str, list[SagaSummary]] = {}
        self._told: dict[str, tuple[RunInfo, list[CheckpointSummary]]] = {}
        self._read: dict[tuple[str, int], SagaSnapshot] = {}

    async def list_family(self, root_id: str) -> list[SagaSummary]:
        """Return a root saga and its replays, the root first, then by start."""
        if root_id not in self._families:
            self._families[root_id] = await self._storage.list_family(root_id)
        return self._families[root_id]

    async def get_run(self, saga_id: str) -> RunInfo:
        """Return what was recorded of a saga's run; raises SagaNotFoundError."""
        return (await self._tell(saga_id))[0]

    async def list_checkpoints(self, saga_id: str) -> list[CheckpointSummary]:
        """Return a saga's timeline."""
        return (await self._tell(saga_id))[1]

    async def get_checkpoint(self, saga_id: str, sequence: int) -> SagaSnapshot:
        """Return the checkpoint of this number; raises SnapshotNotFoundError."""
        place = saga_id, sequence
        if place not in self._read:
            self._read[place] = await self._storage.get_checkpoint(saga_id, sequence)
        return self._read[place]

    async def get_latest_snapshot(self, saga_id: str) -> SagaSnapshot | None:
        """Return a saga's newest checkpoint, or None."""
        timeline = await self.list_checkpoints(saga_id)
        return await self.get_checkpoint(saga_id, timeline[-1].sequence) if timeline else None

    async def _tell(self, saga_id: str) -> tuple[RunInfo, list[CheckpointSummary]]:
        if saga_id not in self._told:
            self._told[saga_id] = await self._storage.get_timeline(saga_id)
        return self._told[saga_id]
