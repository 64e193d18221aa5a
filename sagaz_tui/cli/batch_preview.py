"""What a batch would do, in words and as data for JSON."""

from __future__ import annotations

from typing import Any, Final

from sagaz_core.model import ReplayPlan, StepFate
from sagaz_core.replay.batch import BatchItem, BatchPreview
from sagaz_core.replay.plan_data import plan_data
from sagaz_tui.cli.batch_events import item_data
from sagaz_tui.cli.batch_reasons import print_reasons
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit, emit_facts, emit_rows
from sagaz_tui.cli.plans import override_line
from sagaz_tui.showing.values import json_form

_FATES: Final[tuple[tuple[StepFate, str], ...]] = (
    ("runs", "runs"),
    ("runs_again", "again"),
    ("restored_in_name", "in name only"),
    ("in_doubt", "IN DOUBT"),
)


def print_preview(preview: BatchPreview, format: Format) -> None:
    """Write what a batch would do: how many, from where, ten plans, and who is left out."""
    emit_facts(
        [
            ("sagas", str(preview.count)),
            ("would run", str(preview.runs)),
            ("from", ", ".join(f"{step}: {count}" for step, count in preview.by_step.items())),
            ("skipped", str(len(preview.skipped)) if preview.skipped else ""),
        ]
    )
    if preview.samples:
        emit()
        rows = [_sample_row(sample) for sample in preview.samples]
        emit_rows(("SAGA", "CLASS", "FROM", "STEPS"), rows, format)
        _print_overrides(preview.samples[0].plan)
    print_reasons(preview.skipped, format)


def _sample_row(sample: BatchItem) -> tuple[str, ...]:
    words = _plan_words(sample.plan) if sample.plan else sample.reason or ""
    return sample.saga_id, sample.saga_name, sample.from_step or "", words


def _plan_words(plan: ReplayPlan) -> str:
    if plan.problems:
        return "INVALID: " + "; ".join(problem.message for problem in plan.problems)
    fates = [
        f"{word}: {', '.join(names)}"
        for fate, word in _FATES
        if (names := [step.name for step in plan.steps if step.fate == fate])
    ]
    return "; ".join(fates)


def _print_overrides(plan: ReplayPlan | None) -> None:
    if plan is None or not plan.overrides:
        return
    emit()
    emit(f"What changes in {plan.saga_id}")
    for change in plan.overrides:
        emit(f"  {override_line(change)}")


def planned_data(item: BatchItem) -> dict[str, Any]:
    """Return one saga of a batch with its plan as data for JSON."""
    return item_data(item) | {"plan": json_form(plan_data(item.plan)) if item.plan else None}
