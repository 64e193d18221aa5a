"""Removes what has been kept for as long as it should be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sagaz_core.storage.audit_trail import AUDIT
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.holding import list_holds
from sagaz_core.storage.times import now_micros

_AT_ONCE: Final = 200
"""Sagas removed in one transaction; between two of them others may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What a pruning removed, or would remove."""

    sagas: int
    """Sagas whose retention has ended, that no run is alive in and that are not held."""
    checkpoints: int
    """Of those sagas."""
    leftovers: int
    """Expired lines of the replay log, and what belonged to no saga any more."""
    dry_run: bool


async def prune(
    backend: Backend, now: int, *, dry_run: bool, let_go: Callable[[Collection[str]], None]
) -> PruneReport:
    """Remove expired sagas and leftovers, or only count them; what is held stays.

    Args:
        backend: where.
        now: microseconds; what expires until then goes.
        dry_run: count only.
        let_go: called with the ids of sagas before they go.
    """
    trails = await _trails_without_saga(backend) if backend.expires_by_itself else []
    if not dry_run:
        for record in trails:
            ended = replace(record, version=record.version + 1, expires=now_micros())
            await backend.put(ended, expected_version=record.version)
    leftovers = len(trails) + await backend.clean(now, dry_run=dry_run)
    expired = await backend.expired(now)
    sagas = checkpoints = 0
    for start in range(0, len(expired), _AT_ONCE):
        heads = await _still_expired(backend, expired[start : start + _AT_ONCE], now)
        sagas += len(heads)
        if dry_run:
            checkpoints += sum(heads.values())
        else:
            let_go(heads.keys())
            checkpoints += await backend.delete(list(heads))
    return PruneReport(sagas=sagas, checkpoints=checkpoints, leftovers=leftovers, dry_run=dry_run)


async def _trails_without_saga(backend: Backend) -> list[RecordRow]:
    """Return the audit trails of sagas that the store has let go of by itself."""
    found: list[RecordRow] = []
    before: tuple[int, str] | None = None
    while page := await backend.scan(AUDIT, before=before, limit=_AT_ONCE):
        found += [record for record in page if await backend.saga(record.id) is None]
        before = page[-1].at, page[-1].id
    return found


async def _still_expired(backend: Backend, saga_ids: Sequence[str], now: int) -> dict[str, int]:
    """Return the heads of those that no run has come alive in since the list was made.

    And that nobody holds: the holds are read last, so that one that is set meanwhile counts.
    """
    rows = [await backend.saga(saga_id) for saga_id in saga_ids]
    held = {hold.root_id for hold in await list_holds(backend)}
    return {
        row.saga_id: row.head
        for row in rows
        if row is not None
        and not row.alive
        and row.root not in held
        and row.expires is not None
        and row.expires <= now
    }
