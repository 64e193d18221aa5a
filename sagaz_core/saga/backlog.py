"""Checkpoints kept in memory until it is known whether anybody will want them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sagaz_core.storage.capture import Capture

MAX_BACKLOG_BYTES: Final = 64 * 1024 * 1024
_BYTES_PER_VALUE: Final = 100
"""What a value costs beside its bytes: its places in dicts, roughly."""


class Taken(NamedTuple):
    """A checkpoint that was taken and is not stored yet."""

    capture: Capture
    causes: Mapping[str, str | None]
    """The step that set each key which changed since the checkpoint before."""

    def after_lost(self, lost: Taken) -> Taken:
        """Return this checkpoint telling what ``lost``, the one before it, would have told."""
        before = lost.capture
        told = self.capture._replace(
            gap=before.gap + 1,
            step_records=(*before.step_records, *self.capture.step_records),
        )
        return Taken(told, {**lost.causes, **self.causes})


class Backlog:
    """The latest checkpoints of a run, as many as fit into a number of bytes."""

    def __init__(self, max_bytes: int = MAX_BACKLOG_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: deque[Taken] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, taken: Taken) -> None:
        """Keep a checkpoint; where it does not fit, the oldest go, and the next shows the gap."""
        self._bytes += _own_bytes(taken.capture, self._kept[-1].capture if self._kept else None)
        self._kept.append(taken)
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            oldest = self._kept.popleft()
            self._bytes -= _own_bytes(oldest.capture, self._kept[0].capture)
            self._kept[0] = self._kept[0].after_lost(oldest)

    def drain(self) -> Iterator[Taken]:
        """Give the checkpoints back, oldest first, and keep none."""
        kept, self._kept = self._kept, deque()
        self._bytes = 0
        return iter(kept)


def _own_bytes(capture: Capture, neighbour: Capture | None) -> int:
    """Return how much memory a capture takes beyond what it shares with its neighbour."""
    own = 0
    for side in ("context", "results"):
        values: Mapping[str, bytes] = getattr(capture, side)
        shared: Mapping[str, bytes] = getattr(neighbour, side, {})
        for key, value in values.items():
            if shared.get(key) is not value:
                own += len(value) + _BYTES_PER_VALUE
    return own
