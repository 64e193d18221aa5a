"""What a rehearsal did, step by step and from where that is known, in words and for JSON."""

from __future__ import annotations

from typing import Any

from sagaz_core.model import Rehearsal, ReplayResult
from sagaz_tui.cli.changes import difference_data, print_differences
from sagaz_tui.cli.describe import error_data
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit, emit_facts, emit_rows
from sagaz_tui.cli.plans import UNDONE_WORDS, checkpoint_words
from sagaz_tui.replaying.rehearsal_words import did_words, end_words, known_words


def print_rehearsal(result: ReplayResult, rehearsal: Rehearsal, format: Format) -> None:
    """Write how a rehearsal went: a row a step, what each changed, and what differs in the end."""
    plan = result.plan
    assert plan is not None, "a rehearsal follows a plan"
    emit_facts(
        [
            ("rehearsal of", f"{plan.saga_id}  {plan.saga_name}"),
            ("from", plan.from_step),
            ("checkpoint", checkpoint_words(plan)),
            ("outcome", end_words(result.status)),
            ("error", result.error_message or ""),
            ("undone", UNDONE_WORDS[result.compensation] if result.status == "failed" else ""),
            ("digest", plan.digest),
        ]
    )
    emit()
    rows = [(step.name, did_words(step), known_words(step)) for step in rehearsal.steps]
    emit_rows(("STEP", "IN THE REHEARSAL", "KNOWN FROM"), rows, format)
    for step in rehearsal.steps:
        print_differences(step.changes, format, title=step.name)
    print_differences(rehearsal.changes, format, title="In the end, against the checkpoint")
    for note in plan.notes:
        emit()
        emit(f"note: {note}")


def rehearsal_data(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return what a rehearsal did as data for JSON."""
    return {
        "saga_id": rehearsal.saga_id,
        "unknown_from": rehearsal.unknown_from,
        "steps": [
            {
                "name": step.name,
                "outcome": step.outcome,
                "known_from": step.known_from,
                "known_saga": step.known_saga,
                "note": step.note,
                "error": error_data(step.error),
                "undone": step.undone,
                "undoing_known": step.undoing_known,
                "changes": [difference_data(change) for change in step.changes],
            }
            for step in rehearsal.steps
        ],
        "changes": [difference_data(change) for change in rehearsal.changes],
    }
