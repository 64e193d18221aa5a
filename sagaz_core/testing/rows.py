"""Rows as a backend is handed them, for promises that are the backend's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.storage.backends.rows import Append, EntryRow, SagaRow, TouchRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.chain import Chain, State
from sagaz_core.storage.meta import pack_meta
from sagaz_core.storage.times import to_micros
from sagaz_core.testing.base import T0, snapshot


def append_of(
    saga_id: str,
    number: int = 1,
    *,
    root: str | None = None,
    fence: int | None = None,
    **fields: Any,
) -> Append:
    """Return what makes a checkpoint a saga's ``number``-th, readable without those before it.

    ``fields`` are the snapshot's; unless given, its time is ``number`` seconds after ``T0``.
    """
    fields = {"created_at": T0 + timedelta(seconds=number), **fields}
    taken = capture(snapshot(saga_id, **fields))
    link = Chain().encode(
        State(taken.context, taken.results, taken.completed_steps, taken.compensated_steps)
    )
    row = SagaRow(
        saga_id=saga_id,
        root=root or saga_id,
        name=taken.saga_name,
        status=taken.status,
        started=to_micros(T0),
        updated=taken.at,
        head=number,
        keyframe=number,
        step=taken.step_name,
    )
    entry = EntryRow(
        seq=number,
        keyframe=number,
        at=row.updated,
        kind=taken.kind,
        step=taken.step_name,
        snapshot_id=taken.snapshot_id,
        meta=pack_meta(taken, row_name=row.name, run=None),
        body=link.body,
    )
    touches = tuple(TouchRow(key, number, None) for key in taken.context)
    return Append(saga=row, expected_head=number - 1, entry=entry, touches=touches, fence=fence)
