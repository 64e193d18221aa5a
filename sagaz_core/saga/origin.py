"""Which saga a run is recorded as: one of its own, a replay of another, or one gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagaz_core.model import RunInfo
from sagaz_core.process import process_owner

if TYPE_CHECKING:
    from sagaz_core.config import SagaConfig
    from sagaz_core.storage.lease import Lease
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_core.storage.writer import SagaWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """For a run under a lease taken before: its family, and the checkpoint it grew from if any.

    A saga of the run's id that is in the store already is gone on with.
    """

    root_id: str
    lease: Lease
    parent_id: str | None = None
    parent_sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAs:
    """Which saga a run is that does not begin one of its own, and where and how it is recorded."""

    saga_id: str
    storage: SnapshotStorage
    config: SagaConfig
    origin: Origin


def make_writer(
    storage: SnapshotStorage,
    saga_id: str,
    saga_name: str,
    run: RunInfo,
    *,
    tags: Mapping[str, str],
    origin: Origin | None,
    term: float,
) -> SagaWriter:
    """Return the writer of a run.

    Args:
        origin: None: it is a saga of its own, and takes its family's lease as it begins.
        term: seconds by which each of its writes extends the lease.
    """
    if origin is None:
        return storage.writer(
            saga_id=saga_id,
            saga_name=saga_name,
            code=run.code,
            tags=tags,
            fence=1,
            claim=True,
            owner=process_owner(),
            term=term,
            new_ids=True,
        )
    return storage.writer(
        saga_id=saga_id,
        saga_name=saga_name,
        code=run.code,
        tags=tags,
        root_id=origin.root_id,
        parent_id=origin.parent_id,
        parent_sequence=origin.parent_sequence,
        fence=origin.lease.fence,
        owner=process_owner(),
        term=term,
        new_ids=True,
    )
