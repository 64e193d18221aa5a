"""Ids for one run's checkpoints: unlike any other's, and made of what is known already."""

from __future__ import annotations

import uuid
from itertools import count


class SnapshotIds:
    """Gives one run's checkpoints their ids: a random part that they share, and a number.

    They are UUIDs of version 8, whose bits are for their maker to choose: 74 random ones, then
    the number in 48.
    """

    def __init__(self) -> None:
        shared = str(uuid.uuid4())[:24]
        self._shared = f"{shared[:14]}8{shared[15:]}"
        self._numbers = count(1)

    def next(self) -> str:
        """Return an id, the next number's."""
        return f"{self._shared}{next(self._numbers):012x}"
