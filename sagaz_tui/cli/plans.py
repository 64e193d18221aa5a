"""A replay's plan and its outcome, in words and as data for JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sagaz_core.model import (
    MISSING,
    Compensation,
    PlannedOverride,
    PlannedStep,
    ReplayPlan,
    ReplayResult,
    StepFate,
)
from sagaz_core.replay.plan_data import plan_data
from sagaz_core.storage.reader import StoreReader
from sagaz_tui.cli.changes import typed_text
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import Row, emit, emit_facts, emit_rows
from sagaz_tui.cli.times import time_text
from sagaz_tui.replaying.plan_words import step_words, took_words, use_words
from sagaz_tui.showing.text import short_duration
from sagaz_tui.showing.values import json_form, type_word

_FATES: Final[dict[StepFate, str]] = {
    "restored": "restored",
    "restored_in_name": "restored in name only",
    "runs": "runs",
    "runs_again": "runs again",
    "in_doubt": "IN DOUBT",
    "gone": "GONE",
}
UNDONE_WORDS: Final[dict[Compensation, str]] = {
    "none": "nothing was to be undone",
    "completed": "all that it had done",
    "failed": "NOT ALL of what it had done",
}


def print_plan(plan: ReplayPlan, format: Format) -> None:
    """Write what a replay would do, and what stands against it."""
    emit_facts(
        [
            ("replay of", f"{plan.saga_id}  {plan.saga_name}"),
            ("from", plan.from_step),
            ("checkpoint", checkpoint_words(plan)),
            ("plan", "valid" if plan.valid else "INVALID"),
            ("digest", plan.digest),
        ]
    )
    if plan.steps:
        emit()
        columns = ("STEP", "FATE", "TOOK", "COMPENSATION", "")
        emit_rows(columns, [_step_row(step) for step in plan.steps], format)
        for step in plan.steps:
            if step.note:
                emit(f"{step.name}: {step.note}")
    if plan.overrides:
        emit()
        for change in plan.overrides:
            emit(override_line(change))
            if words := use_words(change):
                emit(f"    {words}")
    for note in plan.notes:
        emit()
        emit(f"note: {note}")
    for problem in plan.problems:
        emit()
        emit(f"problem: {problem.message}")


def checkpoint_words(plan: ReplayPlan) -> str:
    """Return which checkpoint a plan starts from, and of when it is."""
    if plan.sequence is None:
        return ""
    return f"#{plan.sequence}" + (f", {time_text(plan.taken_at)}" if plan.taken_at else "")


def _step_row(step: PlannedStep) -> Row:
    unnamed = "" if step.compensation is None else "unnamed"
    return (
        step.name,
        _FATES[step.fate],
        took_words(step),
        step.compensation or unnamed,
        step_words(step),
    )


def override_line(change: PlannedOverride) -> str:
    """Return one change to the restored context as a line of a diff."""
    before, after = change.before, change.after
    if before is MISSING:
        return f"+ {change.path}  {typed_text(after)}"
    if after is MISSING:
        return f"- {change.path}  {typed_text(before)}"
    typed = type_word(before) != type_word(after)
    end = "  TYPE" if typed else ""
    return (
        f"~ {change.path}  {typed_text(before, always=typed)} → "
        f"{typed_text(after, always=typed)}{end}"
    )


def override_data(change: PlannedOverride) -> dict[str, Any]:
    """Return one change as data for JSON; a side that is not there is left out."""
    data: dict[str, Any] = {"path": change.path}
    if change.before is not MISSING:
        data["before"] = json_form(change.before)
    if change.after is not MISSING:
        data["after"] = json_form(change.after)
    return data


def print_outcome(result: ReplayResult) -> None:
    """Write how a replay that ran has ended, or a saga that was resumed."""
    replays = result.new_saga_id != result.original_saga_id
    took = ""
    if result.started_at and result.finished_at:
        took = short_duration((result.finished_at - result.started_at).total_seconds())
    emit_facts(
        [
            ("replay" if replays else "saga", result.new_saga_id or ""),
            ("of", result.original_saga_id if replays else ""),
            ("outcome", result.status),
            ("error", result.error_message or ""),
            ("undone", UNDONE_WORDS[result.compensation] if result.status == "failed" else ""),
            ("took", took),
            ("recording", _lost_words(result.capture_errors)),
        ]
    )


def _lost_words(errors: int) -> str:
    return f"{errors} values or checkpoints could not be recorded" if errors else ""


async def masked_result(store: StoreReader, result: ReplayResult | None) -> ReplayResult | None:
    """Return what came of a replay as it may be shown: whoever ran it has its context plain."""
    if result is None:
        return None
    return replace(result, context=await store.mask((), result.context))


def result_data(result: ReplayResult) -> dict[str, Any]:
    """Return how a replay, or the dry run of one, ended, as data for JSON."""
    return {
        "status": result.status,
        "original_saga_id": result.original_saga_id,
        "new_saga_id": result.new_saga_id,
        "error_message": result.error_message,
        "compensation": result.compensation,
        "started_at": result.started_at.isoformat() if result.started_at else None,
        "finished_at": result.finished_at.isoformat() if result.finished_at else None,
        "capture_errors": result.capture_errors,
        "context": json_form(result.context),
        "plan": json_form(plan_data(result.plan)) if result.plan else None,
    }
