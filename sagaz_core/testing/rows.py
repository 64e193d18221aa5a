"""Rows as a backend is handed them, for promises that are the backend's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.storage.backends.base import Append, EntryRow, SagaRow, TouchRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.chain import Chain, State
from sagaz_core.storage.meta import pack_meta, to_micros
from sagaz_core.testing.base import T0, snapshot


def append_of(
    saga_id: str,
    number: int = 1,
    *,
    root: str | None = None,
    expected_head: int | None = None,
    fence: int | None = None,
    **fields: Any,
) -> Append:
    """Return what makes a checkpoint a saga's ``number``-th: readable on its own, a second apart.

    ``fields`` are the snapshot's; ``expected_head`` is the one before unless given.
    """
    taken = capture(snapshot(saga_id, created_at=T0 + timedelta(seconds=number), **fields))
    link = Chain().encode(
        State(taken.context, taken.results, taken.completed_steps, taken.compensated_steps)
    )
    at = to_micros(taken.snapshot.created_at)
    row = SagaRow(
        saga_id=saga_id,
        root=root or saga_id,
        name=taken.snapshot.saga_name,
        status=taken.snapshot.status,
        started=to_micros(T0),
        updated=at,
        head=number,
        keyframe=number,
        step=taken.snapshot.step_name,
    )
    entry = EntryRow(
        seq=number,
        keyframe=number,
        at=at,
        kind=taken.snapshot.kind,
        step=taken.snapshot.step_name,
        snapshot_id=taken.snapshot.snapshot_id,
        meta=pack_meta(taken, row_name=row.name, run=None),
        body=link.body,
    )
    return Append(
        saga=row,
        expected_head=number - 1 if expected_head is None else expected_head,
        entry=entry,
        touches=tuple(TouchRow(key, number, None) for key in taken.context),
        fence=fence,
    )
