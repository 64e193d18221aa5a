"""Which run a saga is compared with when nobody names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagaz_core.model import SagaSummary
    from sagaz_core.storage.storage import SnapshotStorage


async def pair_with(storage: SnapshotStorage, saga: SagaSummary) -> tuple[str, str] | None:
    """Return the two runs to lay side by side, the earlier first; None: there is no other.

    A replay is paired with the run it grew from, any other saga with the newest run of its
    family, be it a replay of a replay.

    Raises:
        StorageError: the store cannot be read now.
    """
    if saga.parent_id is not None and await storage.get_saga(saga.parent_id) is not None:
        return saga.parent_id, saga.saga_id
    family = await storage.list_family(saga.root_id)
    replays = [run for run in family if run.saga_id != saga.saga_id]
    if not replays:
        return None
    newest = max(replays, key=lambda run: run.started_at)
    return saga.saga_id, newest.saga_id


def has_counterpart(saga: SagaSummary | None) -> bool:
    """Whether a saga's own row tells of another run, as it does but of replays that failed."""
    return saga is not None and (saga.parent_id is not None or saga.recovered_by is not None)
