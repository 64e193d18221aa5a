"""Copies one family: its sagas, who acted in it last, and the log of its replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sagaz_core.storage.audit_trail import AUDIT
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import FamilyRow, SagaQuery, SagaRow
from sagaz_core.storage.commits import GroupCommit
from sagaz_core.storage.copying_documents import DocumentCopier, replay_grew_into, trail_grew_into
from sagaz_core.storage.copying_saga import SagaCopier, SagaCopy, is_another_saga
from sagaz_core.storage.holding import Hold, find_hold, set_hold
from sagaz_core.storage.replay_log import REPLAY_LOG
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.tombstones import find_tombstone

_WHOLE: Final = 1 << 30
"""A family is read as it is at one moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCopy:
    """What became of a family's sagas and documents."""

    sagas: Sequence[SagaCopy]
    conflicts: Sequence[tuple[str, str]]
    """Ids of sagas or replays, and why they were left as they are."""
    documents: int = 0
    held: bool = False
    """Whether it is held at the target now, and was not before."""


class FamilyCopier:
    """Copies families from one backend to another.

    Args:
        source: it is only read.
        target: where the rows go.
        commits: through which they go there.
        documents: what copies the replay log.
        now: microseconds; what has expired until then is left out.
        written: called with how many checkpoints have just been written and read back.
    """

    def __init__(
        self,
        source: Backend,
        target: Backend,
        commits: GroupCommit,
        documents: DocumentCopier,
        now: int,
        written: Callable[[int], None],
    ) -> None:
        self._source = source
        self._target = target
        self._documents = documents
        self._now = now
        self._sagas = SagaCopier(source, target, commits, written)

    async def copy(self, root: str) -> FamilyCopy:
        """Copy a family as it is now."""
        rows = await _members(self._source, root)
        reason = await self._was_forgotten(root, rows)
        if reason:
            gone = [SagaCopy(row.saga_id, "conflict") for row in rows]
            return FamilyCopy(sagas=gone, conflicts=[(root, reason)])
        family = await self._source.family(root)
        hold = await find_hold(self._source, root)
        # First of all: the target may let go of what has expired.
        held_anew = hold is not None and await self._hold(hold, rows)
        done: list[SagaCopy] = []
        conflicts: list[tuple[str, str]] = []
        documents = 0
        for row in rows:
            is_over = row.expires is not None and row.expires <= self._now
            if is_over and not row.alive and hold is None:
                done.append(SagaCopy(row.saga_id, "expired"))
                continue
            outlives = is_over and hold is not None
            reason = await self._copy_trail_ahead(row)
            if reason:
                copied = SagaCopy(row.saga_id, "conflict", reason=reason)
            else:
                copied = await self._sagas.copy(row, family, outlives=outlives)
            done.append(copied)
            if copied.kind == "conflict":
                conflicts.append((row.saga_id, copied.reason))
                continue
            for record in await self._source.scan(REPLAY_LOG, saga=row.saga_id):
                reason, written = await self._documents.copy(record, replay_grew_into, "replay log")
                documents += written
                if reason:
                    conflicts.append((record.id, reason))
        if family is not None and not conflicts and any(saga.kind != "expired" for saga in done):
            reason = await self._copy_holder(family, rows)
            if reason:
                conflicts.append((root, reason))
        # What differs between the two families is in their trails as well, and told once.
        if not conflicts:
            conflicts = await self._copy_trails(
                [saga.saga_id for saga in done if saga.kind != "expired"]
            )
        return FamilyCopy(sagas=done, conflicts=conflicts, documents=documents, held=held_anew)

    async def _was_forgotten(self, root: str, rows: Sequence[SagaRow]) -> str:
        """Say when and by whom a family was erased at the target, or nothing if it was not."""
        stone = await find_tombstone(self._target, root)
        # One that began later only has its id.
        if stone is None or all(row.started > to_micros(stone.at) for row in rows):
            return ""
        return f"it was forgotten there on {stone.at:%Y-%m-%d} by {stone.by}, and stays so"

    async def _hold(self, hold: Hold, rows: Sequence[SagaRow]) -> bool:
        """Hold a family at the target too; whether it was not held there before."""
        if await find_hold(self._target, hold.root_id) is not None:
            return False
        for row in rows:
            there = await self._target.saga(row.saga_id)
            if there is not None and is_another_saga(there, row):
                return False
        await set_hold(self._target, hold)
        return True

    async def _copy_trail_ahead(self, row: SagaRow) -> str:
        """Copy the trail that a saga's row will tell of before that row; returns why not.

        Where the copy is broken off, or what follows is a conflict, none seems to be gone.
        """
        if row.wrapped_key is None:
            return ""
        there = await self._target.saga(row.saga_id)
        if there is not None and (there.wrapped_key is not None or is_another_saga(there, row)):
            return ""
        conflicts = await self._copy_trails([row.saga_id])
        return conflicts[0][1] if conflicts else ""

    async def _copy_trails(self, saga_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Copy audit trails; returns which were left as they are, and why."""
        conflicts = []
        for saga_id in saga_ids:
            trail = await self._source.get(AUDIT, saga_id)
            if trail is not None:
                reason, _ = await self._documents.copy(trail, trail_grew_into, "audit trail")
                if reason:
                    conflicts.append((saga_id, reason))
        return conflicts

    async def _copy_holder(self, family: FamilyRow, rows: Sequence[SagaRow]) -> str:
        """Let the target say who acted last, and what recovered the family; or say why not."""
        there = await self._target.family(family.root)
        if there is not None:
            if (there.holder, there.recovered_by) == (family.holder, family.recovered_by):
                return ""
            known = {row.saga_id for row in rows}
            theirs = await _members(self._target, family.root)
            acted = [row.saga_id for row in theirs if row.saga_id not in known]
            if acted:
                return f"it was replayed at the target, as {acted[0]}"
        taken, now = await self._target.acquire(
            family.root,
            owner=family.owner,
            holder=family.holder,
            # It lapses at once, so that nobody has to wait where this is killed in between.
            term=0,
            expect_fence=there.fence if there else 0,
        )
        if not taken:
            return "somebody acts in its family at the target just now"
        await self._target.release(
            family.root, fence=now.fence, recovered_by=family.recovered_by, undone=True
        )
        return ""


async def _members(backend: Backend, root: str) -> list[SagaRow]:
    """Return a family's rows, the root first, then by start."""
    page = await backend.sagas(SagaQuery(root=root), cursor=None, limit=_WHOLE)
    return sorted(page.rows, key=lambda row: (row.saga_id != root, row.started, row.saga_id))
