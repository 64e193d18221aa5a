"""What a step, or its compensation, changed when it really ran, as far as that was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagaz_core.model import CheckpointSummary, SagaSnapshot
from sagaz_core.storage.storage import SnapshotStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one call did to the saga's data."""

    saga_id: str
    """The saga in which it ran."""
    values: Mapping[str, Any]
    """The keys it set, each with the value it left there."""
    removed: tuple[str, ...] = ()
    result: Any = None
    duration: float = 0.0
    """Seconds that the attempt took which succeeded; 0 where that is not known."""


class RecordedRun:
    """One recorded run, whose timeline is read once, and of contexts only what is asked for."""

    def __init__(self, storage: SnapshotStorage, saga_id: str) -> None:
        self._storage = storage
        self._saga_id = saga_id
        self._entries: list[CheckpointSummary] | None = None

    async def change_of(self, step: str) -> Change | None:
        """Return what a step changed and gave back where it last ended well; None: not known."""
        for entry in reversed(await self._timeline()):
            for index, record in enumerate(entry.step_records):
                if record.name != step or record.outcome != "completed":
                    continue
                later = entry.step_records[index + 1 :]
                if any(key in other.keys_set for other in later for key in record.keys_set):
                    return None
                snapshot = await self._storage.get_checkpoint(self._saga_id, entry.sequence)
                if snapshot.compensated_steps or snapshot.compensation == "failed":
                    # Its values may be those that a compensation left.
                    return None
                duration = record.attempts[-1].duration if record.attempts else 0.0
                return self._change(snapshot, record.keys_set, snapshot.results.get(step), duration)
        return None

    async def change_of_undoing(self, step: str) -> Change | None:
        """Return what a step's compensation changed; None: not known."""
        for entry in reversed(await self._timeline()):
            if entry.kind == "after_compensation" and entry.step_name == step:
                number = entry.sequence
                touches = await self._storage.list_changes(self._saga_id, first=number, last=number)
                keys = [touch.key for touch in touches if touch.step_name == step]
                snapshot = await self._storage.get_checkpoint(self._saga_id, number)
                return self._change(snapshot, keys)
        return None

    async def _timeline(self) -> list[CheckpointSummary]:
        if self._entries is None:
            self._entries = await self._storage.list_checkpoints(self._saga_id)
        return self._entries

    def _change(
        self,
        snapshot: SagaSnapshot,
        keys: Sequence[str],
        result: Any = None,
        duration: float = 0.0,
    ) -> Change:
        return Change(
            saga_id=self._saga_id,
            values={key: snapshot.context[key] for key in keys if key in snapshot.context},
            removed=tuple(key for key in keys if key not in snapshot.context),
            result=result,
            duration=duration,
        )
