"""One look at a saga's family: what a plan is made from, asked of the store once."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Final

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import CheckpointSummary, RunInfo, SagaSnapshot, SagaSummary
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.decoding import read_some
from sagaz_core.storage.kin import Kin
from sagaz_core.storage.storage import SnapshotStorage

_SHORT: Final = 32
"""Checkpoints of a saga that are as well read all as some, and at once."""


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
        return cls(storage, await storage.get_kin(saga_id, bodies_up_to=_SHORT))

    def summary(self, saga_id: str) -> SagaSummary:
        """Return a saga of the family, without its tags."""
        return self._kin.sagas[saga_id].summary

    def run(self, saga_id: str) -> RunInfo:
        """Return what was recorded of a saga's run."""
        return self._kin.sagas[saga_id].run

    def timeline(self, saga_id: str) -> list[CheckpointSummary]:
        """Return a saga's checkpoints, without their states."""
        return self._kin.sagas[saga_id].timeline

    @property
    def never_replayed(self) -> bool:
        """Whether nobody but the original itself has ever held the family's lease."""
        return only_original(self.family, self.sagas[0].root_id)

    async def checkpoint(self, saga_id: str, sequence: int) -> SagaSnapshot:
        """Return the checkpoint of this number; raises SnapshotNotFoundError."""
        place = saga_id, sequence
        if place not in self._read:
            self._read[place] = await self._storage.get_checkpoint(saga_id, sequence)
        return self._read[place]

    async def read_ahead(self, saga_id: str, sequences: Collection[int]) -> None:
        """Take checkpoints that will be asked for from what is at hand of a short saga."""
        relative = self._kin.sagas[saga_id]
        entries = relative.entries[: max(sequences)]
        if not entries or entries[0].body is None:
            return
        storage = self._storage
        # One that is damaged is told of where it is asked for.
        with suppress(CorruptEntryError):
            for snapshot in await read_some(
                storage.backend, relative.row, entries, sequences, storage.opener
            ):
                self._read[saga_id, snapshot.sequence] = snapshot

    async def latest(self, saga_id: str) -> SagaSnapshot | None:
        """Return a saga's newest checkpoint, or None."""
        timeline = self.timeline(saga_id)
        return await self.checkpoint(saga_id, timeline[-1].sequence) if timeline else None


def only_original(family: FamilyRow | None, root_id: str) -> bool:
    """Whether nobody but the original itself has ever held its family's lease."""
    return family is None or (family.fence == 1 and family.holder == root_id)
