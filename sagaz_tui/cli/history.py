"""A saga's state back then and its replay log, in words and as data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sagaz_core.errors import SagaNotFoundError, SnapshotNotFoundError
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import HistoricalState, ReplayLogEntry
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.cli.describe import error_data, state_rows
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import Listing, Row, emit, emit_facts, emit_rows
from sagaz_tui.cli.plans import override_data, override_line
from sagaz_tui.cli.times import time_text
from sagaz_tui.values import json_form, value_text


async def load_state(store: SnapshotStorage, saga_id: str, moment: datetime) -> HistoricalState:
    """Return a saga's state at a moment.

    Raises:
        SagaNotFoundError: there is no such saga.
        SnapshotNotFoundError: it had no checkpoint yet.
    """
    state = await SagaTimeTravel.get_state_at(
        saga_id=saga_id, timestamp=moment, snapshot_storage=store
    )
    if state is not None:
        return state
    saga = await store.get_saga(saga_id)
    if saga is None:
        raise SagaNotFoundError(saga_id)
    raise SnapshotNotFoundError(
        f"saga {saga_id!r} had no checkpoint yet at {time_text(moment)}; "
        f"its first is of {time_text(saga.started_at)}"
    )


def print_state(state: HistoricalState, format: Format) -> None:
    """Write a saga's state at a moment."""
    emit_facts(
        [
            ("saga", f"{state.saga_id}  {state.saga_name}"),
            ("at", time_text(state.timestamp)),
            ("status", state.status),
            ("step", state.step_name or ""),
            ("completed", ", ".join(state.completed_steps)),
            ("checkpoint", f"#{state.sequence} {state.kind}, {time_text(state.created_at)}"),
            ("error", state.error.headline if state.error else ""),
        ]
    )
    emit()
    emit_rows(*state_rows({**state.context, **state.results}, {}), format)


def print_value(value: Any) -> None:
    """Write one value in full; a text as it is, without quotes."""
    emit(value if isinstance(value, str) else value_text(value))


def state_data(state: HistoricalState) -> dict[str, Any]:
    """Return a saga's state at a moment as data for JSON."""
    return {
        "saga_id": state.saga_id,
        "saga_name": state.saga_name,
        "status": state.status,
        "step_name": state.step_name,
        "completed_steps": state.completed_steps,
        "context": json_form(state.context),
        "results": json_form(state.results),
        "error": error_data(state.error),
        "sequence": state.sequence,
        "snapshot_id": state.snapshot_id,
        "kind": state.kind,
        "created_at": state.created_at.isoformat(),
        "timestamp": state.timestamp.isoformat(),
    }


# ---------------------------------------------------------------- the replay log


async def load_replays(store: SnapshotStorage, saga_id: str) -> list[ReplayLogEntry]:
    """Return the replay log of a saga.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    if await store.get_saga(saga_id) is None:
        raise SagaNotFoundError(saga_id)
    return await store.list_replays(saga_id)


def replay_rows(
    entries: Sequence[ReplayLogEntry],
) -> Listing:
    """Return the columns of a replay log, and a row for each replay."""
    rows: list[Row] = [
        (
            entry.replay_id,
            time_text(entry.started_at),
            entry.from_step,
            entry.outcome,
            entry.initiated_by,
            entry.reason or "",
            ", ".join(map(override_line, entry.override)),
            entry.error_message or "",
        )
        for entry in entries
    ]
    return ("REPLAY", "STARTED", "FROM", "OUTCOME", "BY", "WHY", "OVERRIDE", "ERROR"), rows


def replay_data(entry: ReplayLogEntry) -> dict[str, Any]:
    """Return a replay's log entry as data for JSON."""
    return {
        "replay_id": entry.replay_id,
        "original_saga_id": entry.original_saga_id,
        "from_step": entry.from_step,
        "snapshot_id": entry.snapshot_id,
        "sequence": entry.sequence,
        "override": [override_data(change) for change in entry.override],
        "initiated_by": entry.initiated_by,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "started_at": entry.started_at.isoformat(),
        "finished_at": entry.finished_at.isoformat() if entry.finished_at else None,
        "outcome": entry.outcome,
        "error_message": entry.error_message,
        "plan": json_form(dict(entry.plan)),
    }
