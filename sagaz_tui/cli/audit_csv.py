"""The audit trail for a spreadsheet: one line a replay, and no cell that it would calculate."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

import typer

from sagaz_core.history.audit import AuditEntry
from sagaz_tui.cli.audits import audit_data
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.values import json_text

COLUMNS: Final = (
    *("started_at", "finished_at", "seconds", "original_saga_id", "saga_name", "replay_id"),
    *("from_step", "sequence", "snapshot_id", "initiated_by", "reason", "request_id", "outcome"),
    *("error_message", "override", "runs_again", "plan_digest"),
)

_FORMULA_SIGNS: Final = tuple("=+-@＝＋－＠")


def print_header() -> None:
    """Write the names of the columns."""
    _print(list(COLUMNS))


def print_csv(entry: AuditEntry) -> None:
    """Write one replay as a line; its override is JSON in one cell."""
    data = audit_data(entry)
    _print([_cell(data[column]) for column in COLUMNS])


def _cell(value: Any) -> str:
    """Return a value as text that is data for every spreadsheet, and never a formula."""
    if isinstance(value, (int, float)):
        return str(value)
    text = json_text(value, indent=None) if isinstance(value, list) else visible(value or "")
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def _print(cells: list[str]) -> None:
    line = io.StringIO()
    # All in quotes: some spreadsheets would begin a new cell at a semicolon as well.
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    typer.echo(line.getvalue(), nl=False)
