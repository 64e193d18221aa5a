"""A report for an auditor: how a saga stood at a date, what was done to it, and what proves it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagaz_core.errors import NotFoundError
from sagaz_core.history.evidence import Evidence, verify
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import Status
from sagaz_core.storage.audit_trail import AuditEvent
from sagaz_core.storage.holding import Hold
from sagaz_core.storage.reader import StoreReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceReport:
    """What there is to say of one saga at one moment."""

    saga_id: str
    saga_name: str
    timestamp: datetime
    """The moment that was asked for."""
    recorded_at: datetime
    """When the state that held then was recorded."""
    status: Status
    step_name: str | None
    completed_steps: tuple[str, ...]
    context: Mapping[str, Any]
    """The values that were asked for; each secret in them is a mask."""
    events: tuple[AuditEvent, ...]
    """What was done to it from outside until today, in order."""
    evidence: Evidence
    """Whether all this is as it was written."""
    hold: Hold | None
    """Why its family is held; None: it is not."""
    retention_until: datetime | None
    """When it expires; None: never."""


async def compliance_audit(
    storage: StoreReader,
    saga_id: str,
    timestamp: datetime,
    *,
    keys: Collection[str] | None = None,
) -> ComplianceReport:
    """Report how a saga stood at a moment, with what was done to it and how far that is proven.

    Args:
        storage: the store; it is only read.
        saga_id: the saga.
        timestamp: the moment; without a zone it is taken as the machine's local time.
        keys: which values of its context, or results of its steps; None: the whole context.

    Raises:
        SagaNotFoundError: there is no such saga.
        NotFoundError: it had not begun by then, or had no such key.
    """
    state = await SagaTimeTravel.get_state_at(
        saga_id=saga_id, timestamp=timestamp, snapshot_storage=storage
    )
    saga = await storage.get_existing_saga(saga_id)
    if state is None:
        raise NotFoundError(
            f"saga {saga_id!r} had no checkpoint yet at {timestamp.isoformat()}; its first is of "
            f"{saga.started_at.isoformat()}"
        )
    values = {**state.results, **state.context}
    missing = sorted(set(keys or ()) - set(values))
    if missing:
        raise NotFoundError(
            f"saga {saga_id!r} had no key {missing[0]!r} at {timestamp.isoformat()}; "
            f"it had {', '.join(sorted(values)) or 'none'}"
        )
    found = {each.saga_id: each async for each in verify(storage, saga_id)}
    return ComplianceReport(
        saga_id=saga_id,
        saga_name=state.saga_name,
        timestamp=timestamp,
        recorded_at=state.created_at,
        status=state.status,
        step_name=state.step_name,
        completed_steps=tuple(state.completed_steps),
        context=dict(state.context) if keys is None else {key: values[key] for key in keys},
        events=tuple(await storage.list_audit_events(saga_id)),
        evidence=found[saga_id],
        hold=await storage.find_hold(saga_id),
        retention_until=saga.expires_at,
    )
