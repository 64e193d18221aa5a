"""One look at a saga's family: what a plan is made from, asked of the store once."""

from __future__ import annotations

from sagaz_core.model import CheckpointSummary, RunInfo, SagaSnapshot, SagaSummary
from sagaz_core.storage.backends.base import FamilyRow
from sagaz_core.storage.kin import Kin
from sagaz_core.storage.storage import SnapshotStorage


class Look:
    """A family as it was at about one moment. Made by :meth:`at`; it is for one plan.

    Attributes:
        family: who may act, as it was before the rest was read.
        sagas: the family's sagas, the root first, then by start.
    """

    def __init__(self, storage: SnapshotStorage, kin: Kin) -> None:
        self._storage = storage
        self._kin = kin
        self._read: dict[tuple[str, int], SagaSnapshot] = {}
        self.family: FamilyRow | None = kin.family
        self.sagas: list[SagaSummary] = [one.summary for one in kin.sagas.values()]

    @classmethod
    async def at(cls, storage: SnapshotStorage, saga_id: str) -> Look:
        """Look at a saga and its family; raises SagaNotFoundError."""
        return cls(storage, await storage.get_kin(saga_id))

    def summary(self, saga_id: str) -> SagaSummary:
        """Return a saga of the family, without its tags."""
        return self._kin.sagas[saga_id].summary

    def run(self, saga_id: str) -> RunInfo:
        """Return what was recorded of a saga's run."""
        return self._kin.sagas[saga_id].run

    def timeline(self, saga_id: str) -> list[CheckpointSummary]:
        """Return a saga's checkpoints, without their states."""
        return self._kin.sagas[saga_id].timeline

    async def checkpoint(self, saga_id: str, sequence: int) -> SagaSnapshot:
        """Return the checkpoint of this number; raises SnapshotNotFoundError."""
        place = saga_id, sequence
        if place not in self._read:
            self._read[place] = await self._storage.get_checkpoint(saga_id, sequence)
        return self._read[place]

    async def latest(self, saga_id: str) -> SagaSnapshot | None:
        """Return a saga's newest checkpoint, or None."""
        timeline = self.timeline(saga_id)
        return await self.checkpoint(saga_id, timeline[-1].sequence) if timeline else None
