"""The audit trail in words, as rows, and as data for JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from sagaz_core.history.audit import AuditEntry
from sagaz_tui.cli.output import Listing, Row, emit
from sagaz_tui.cli.plans import override_data, override_line
from sagaz_tui.cli.times import time_text
from sagaz_tui.showing.text import short_duration
from sagaz_tui.showing.values import json_form


def print_entry(entry: AuditEntry) -> None:
    """Write all there is to know of one replay, in a few lines."""
    log = entry.log
    emit(
        "  ".join(
            filter(None, (log.replay_id, entry.outcome, time_text(log.started_at), _took(entry)))
        )
    )
    for line in _lines(entry):
        emit(f"    {line}")


def _lines(entry: AuditEntry) -> Iterator[str]:
    log = entry.log
    name = log.plan.get("saga_name", "")
    yield " ".join(
        filter(None, ("of", log.original_saga_id, name and f"({name})", "from", _place(entry)))
    )
    yield f"by {log.initiated_by or 'somebody'}: {log.reason or 'no reason given'}"
    if log.request_id is not None:
        yield f"request {log.request_id}"
    yield from map(override_line, log.override)
    if entry.runs_again:
        yield f"runs again: {', '.join(entry.runs_again)}"
    if entry.digest:
        yield f"plan {entry.digest}"
    if entry.error_message:
        yield f"error: {entry.error_message}"
    if words := interruption(entry):
        yield words


def interruption(entry: AuditEntry) -> str:
    """Return what is to be done about a replay that nobody runs any more; empty: nothing."""
    if entry.outcome != "interrupted":
        return ""
    if not entry.began:
        return "it was stopped before anything ran"
    return f"nobody runs it any more; go on with `sagaz resume {shlex.quote(entry.log.replay_id)}`"


def audit_rows(entries: Sequence[AuditEntry]) -> Listing:
    """Return the columns of the audit trail, and a row for each replay."""
    rows: list[Row] = [
        (
            entry.log.replay_id,
            time_text(entry.log.started_at),
            _took(entry),
            _place(entry),
            entry.outcome,
            entry.log.initiated_by,
            entry.log.reason or "",
            ", ".join(map(override_line, entry.log.override)),
            ", ".join(entry.runs_again),
            entry.error_message or interruption(entry),
        )
        for entry in entries
    ]
    columns = ("REPLAY", "STARTED", "TOOK", "FROM", "OUTCOME", "BY", "WHY", "OVERRIDE")
    return (*columns, "RUNS AGAIN", "ERROR"), rows


def audit_data(entry: AuditEntry) -> dict[str, Any]:
    """Return one replay as data for JSON.

    The values of its override stand in ``override`` alone; those in the plan are left out.
    """
    log = entry.log
    return {
        "replay_id": log.replay_id,
        "original_saga_id": log.original_saga_id,
        "saga_name": log.plan.get("saga_name"),
        "from_step": log.from_step,
        "snapshot_id": log.snapshot_id,
        "sequence": log.sequence,
        "override": [override_data(change) for change in log.override],
        "initiated_by": log.initiated_by,
        "reason": log.reason,
        "request_id": log.request_id,
        "started_at": log.started_at.isoformat(),
        "finished_at": entry.finished_at.isoformat() if entry.finished_at else None,
        "seconds": entry.took.total_seconds() if entry.took is not None else None,
        "outcome": entry.outcome,
        "error_message": entry.error_message,
        "runs_again": list(entry.runs_again),
        "plan_digest": entry.digest,
        "plan": json_form(_without_values(dict(log.plan))),
    }


def _without_values(plan: dict[str, Any]) -> dict[str, Any]:
    if "overrides" in plan:
        plan["overrides"] = [
            {name: value for name, value in change.items() if name not in ("before", "after")}
            for change in plan["overrides"]
        ]
    return plan


def _place(entry: AuditEntry) -> str:
    log = entry.log
    return log.from_step if log.sequence is None else f"{log.from_step} #{log.sequence}"


def _took(entry: AuditEntry) -> str:
    return "" if entry.took is None else short_duration(entry.took.total_seconds())
