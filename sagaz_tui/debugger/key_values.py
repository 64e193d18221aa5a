"""The values that one key had, read around a checkpoint and from there as far as is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from sagaz_core.history.blame import BlameEntry, blame_touches

if TYPE_CHECKING:
    from sagaz_core.model import KeyTouch
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.widgets.blame_list import BlameList

TOGETHER: Final = 8
"""Values read at a time: each is a checkpoint to decode."""
_FIRST_STRETCH: Final = 64
_LONGER: Final = 8


class KeyValues:
    """One key's values, newest first, without a gap between those that have been read.

    Args:
        storage: where the saga is.
        saga_id: the saga.
        key: a top-level key of the context, or a step.
        sequence: the checkpoint around which to begin.
    """

    def __init__(self, storage: SnapshotStorage, saga_id: str, key: str, sequence: int) -> None:
        self._storage = storage
        self._saga_id = saga_id
        self._key = key
        self._unread_until = sequence
        """What was set up to this checkpoint has not been read."""
        self._known_until = sequence
        """What was set between the one and the other has been read."""
        self.entries: Sequence[BlameEntry] = ()
        self.has_first = False
        """Whether the key's first value has been read."""
        self.has_last = False
        """Whether its last one has."""

    @property
    def whole(self) -> bool:
        """Whether all have been read."""
        return self.has_first and self.has_last

    def tells_of(self, key: str, sequence: int) -> bool:
        """Whether it is read which value a key had at a checkpoint."""
        if key != self._key or sequence > self._known_until:
            return False
        return self.has_first or bool(self.entries and self.entries[-1].sequence <= sequence)

    async def read_older(self) -> None:
        """Read the values before those that have been read, at first from the one in force on.

        Raises:
            StorageError: the store cannot be read now; what was read stays.
        """
        touches = await self._storage.list_changes(
            self._saga_id, key=self._key, last=self._unread_until, limit=TOGETHER
        )
        self.entries = _joined(self.entries, await self._values_of(touches))
        self.has_first = len(touches) < TOGETHER
        if touches:
            self._unread_until = touches[-1].sequence - 1

    async def read_newer(self) -> None:
        """Read the values after those that have been read.

        Raises:
            StorageError: the store cannot be read now; what was read stays.
        """
        saga = await self._storage.get_saga(self._saga_id)
        head = saga.checkpoints if saga is not None else 0
        touches = await self._touches_ahead(head)
        self.entries = _joined(await self._values_of(touches), self.entries)
        self.has_last = len(touches) < TOGETHER
        self._known_until = head if self.has_last else touches[0].sequence

    async def _touches_ahead(self, head: int) -> list[KeyTouch]:
        # The newest come first: what lies ahead is asked for in stretches that grow.
        found: list[KeyTouch] = []
        first, length = self._known_until + 1, _FIRST_STRETCH
        while first <= head and len(found) < TOGETHER:
            last = first + length - 1
            found = [
                *await self._storage.list_changes(
                    self._saga_id, key=self._key, first=first, last=last
                ),
                *found,
            ]
            first, length = last + 1, length * _LONGER
        return found[-TOGETHER:]

    async def _values_of(self, touches: Sequence[KeyTouch]) -> list[BlameEntry]:
        if not touches:
            return []
        return await blame_touches(self._storage, self._saga_id, touches)


async def values_in_sight(shown: BlameList, values: KeyValues) -> AsyncIterator[None]:
    """Read on until there is more than a list shows, or no more; yields as it shows more."""
    while True:
        if shown.near_oldest and not values.has_first:
            await values.read_older()
        elif shown.near_newest and not values.has_last:
            await values.read_newer()
        else:
            return
        shown.extend(values.entries)
        yield


def _joined(newer: Sequence[BlameEntry], older: Sequence[BlameEntry]) -> list[BlameEntry]:
    """Both, without the older one of what deleted checkpoints made of the same checkpoint."""
    known = {entry.sequence for entry in newer}
    return [*newer, *(entry for entry in older if entry.sequence not in known)]
