"""Reads checkpoints with their states, and keeps those that were read lately."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jsonpointer import unescape

from sagaz_core.errors import CorruptEntryError, SnapshotNotFoundError
from sagaz_core.model import Difference, SagaSnapshot
from sagaz_tui.debugger.moment import HEAVY, Moment, changes_among, sharing, weigh

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.debugger.outline import Outline

_KEPT: Final = 100_000
_AHEAD: Final = 6


class MomentReader:
    """Reads the checkpoints of one saga; each is compared with the one before it.

    Args:
        storage: where the saga is.
        saga_id: which.
    """

    def __init__(self, storage: SnapshotStorage, saga_id: str) -> None:
        self._storage = storage
        self._saga_id = saga_id
        self._moments: OrderedDict[int, Moment] = OrderedDict()
        self._spare: SagaSnapshot | None = None
        """The state before the moment read last."""

    def forget(self) -> None:
        """Forget what was read: another history may begin under the same id."""
        self._spare = None
        self._moments.clear()

    def known(self, sequence: int) -> Moment | None:
        """Return a checkpoint if it has been read already."""
        moment = self._moments.get(sequence)
        if moment is not None:
            self._moments.move_to_end(sequence)
        return moment

    async def read(self, outline: Outline | None, sequence: int) -> Moment:
        """Read a checkpoint, or give it if it has been read already."""
        found = self.known(sequence)
        return found if found is not None else await self._read(outline, sequence)

    def unread_near(self, outline: Outline, sequence: int, direction: int) -> list[int]:
        """Return neighbours of a checkpoint worth reading, in the direction of travel first.

        None of a heavy one: they would cost the time that reading ahead is to save.
        """
        here = self._moments.get(sequence)
        if here is None or here.weight >= HEAVY:
            return []
        place = outline.place_of(sequence)
        ahead = [place + direction * step for step in range(1, _AHEAD + 1)]
        near = [each for each in (*ahead, place - direction) if 0 <= each < len(outline)]
        numbers = [outline.number_at(each) for each in near]
        return [number for number in numbers if number not in self._moments]

    async def _read(self, outline: Outline | None, sequence: int) -> Moment:
        before = await self._number_before(outline, sequence)
        moment = await self._with_touches(await self._compare(before, sequence))
        self._moments[sequence] = moment
        kept = sum(each.weight for each in self._moments.values())
        while kept > _KEPT and len(self._moments) > 1:
            _, oldest = self._moments.popitem(last=False)
            kept -= oldest.weight
        return moment

    async def _number_before(self, outline: Outline | None, sequence: int) -> int | None:
        if outline is None:
            return None
        if outline.first_read < sequence:
            place = outline.place_of(sequence)
            return outline.number_at(place - 1) if place > 0 else None
        found = await self._storage.list_checkpoints(
            self._saga_id, until=sequence - 1, reverse=True, limit=1
        )
        return found[0].sequence if found else None

    async def _compare(self, before: int | None, sequence: int) -> Moment:
        try:
            snapshot = await self._state(sequence)
        except (CorruptEntryError, SnapshotNotFoundError) as error:
            return Moment(sequence, None, before, problem=str(error))
        if before is None:
            state = snapshot.state
            changes, weight = await asyncio.to_thread(_compare, {}, state, state)
            return Moment(sequence, snapshot, None, changes, weight=weight)
        try:
            earlier = await self._state(before)
        except (CorruptEntryError, SnapshotNotFoundError) as error:
            return Moment(sequence, snapshot, before, problem=f"#{before}: {error}")
        touches = await self._storage.list_changes(self._saga_id, first=before + 1, last=sequence)
        states = earlier.state, snapshot.state
        changes, weight = await asyncio.to_thread(
            _compare, *states, {touch.key for touch in touches}
        )
        if before in self._moments:
            snapshot = sharing(snapshot, earlier, changes)
        else:
            # Going backward it is wanted next, and then the one before it is compared with it.
            self._spare = sharing(earlier, snapshot, changes)
        return Moment(sequence, snapshot, before, changes, weight=weight)

    async def _state(self, sequence: int) -> SagaSnapshot:
        known = self._moments.get(sequence)
        if known is not None and known.snapshot is not None:
            return known.snapshot
        if self._spare is not None and self._spare.sequence == sequence:
            return self._spare
        # No pane shows how the steps went that ended since the checkpoint before: the row does.
        snapshot = await self._storage.masked.get_checkpoint(self._saga_id, sequence, steps=False)
        return replace(snapshot, step_records=())

    async def _with_touches(self, moment: Moment) -> Moment:
        """Read who set each key of a checkpoint, and which ones it changed."""
        if moment.snapshot is None:
            return moment
        gone = [change.path for change in moment.changes if change.kind == "removed"]
        keys = [*moment.snapshot.state, *(unescape(path[1:]) for path in gone if _is_top(path))]
        touches = await self._storage.list_latest_changes(self._saga_id, keys, moment.sequence)
        return replace(
            moment,
            set_at={touch.key: touch.sequence for touch in touches},
            causes={
                touch.key: touch.step_name
                for touch in touches
                if touch.sequence > (moment.before or 0)
            },
        )


def _is_top(path: str) -> bool:
    return path.count("/") == 1


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], keys: Container[str]
) -> tuple[tuple[Difference, ...], int]:
    return changes_among(before, after, keys), weigh(after)
