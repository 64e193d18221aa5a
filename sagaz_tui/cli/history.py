"""A saga's state back then, in words and as data for JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagaz_core.errors import SnapshotNotFoundError
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import HistoricalState
from sagaz_core.storage.reader import StoreReader
from sagaz_tui.cli.describe import error_data, state_rows
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit, emit_facts, emit_rows
from sagaz_tui.cli.times import time_text
from sagaz_tui.showing.values import json_form, value_text


async def load_state(store: StoreReader, saga_id: str, moment: datetime) -> HistoricalState:
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
    saga = await store.get_existing_saga(saga_id)
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
