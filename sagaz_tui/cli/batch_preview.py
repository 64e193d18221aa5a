"""What a batch would do, in words and as data for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sagaz_core.model import ReplayPlan, StepFate
from sagaz_core.replay.batch import BatchItem, BatchPreview
from sagaz_core.replay.plan_data import plan_data
from sagaz_tui.cli.batch_events import item_data
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import Listing, Row, emit, emit_facts, emit_rows
from sagaz_tui.cli.plans import override_line
from sagaz_tui.values import json_form

SHOWN: Final = 10
"""How many sagas of a kind a screen shows; JSON has them all."""

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
    if preview.skipped:
        emit()
        emit_rows(*reason_rows(preview.skipped), format)
        emit_more(len(preview.skipped))


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


def reason_rows(items: Iterable[BatchItem]) -> Listing:
    """Return columns and rows that tell of the first few sagas why they are as they are."""
    rows: list[Row] = [
        (item.saga_id, item.state.replace("_", " "), item.new_saga_id or "", why(item))
        for _, item in zip(range(SHOWN), items, strict=False)
    ]
    return ("SAGA", "STATE", "REPLAY", "WHY"), rows


def why(item: BatchItem) -> str:
    """Return why a saga of a batch is what it is, as far as there is more to say."""
    return "; ".join(filter(None, (item.error, item.reason)))


def emit_more(count: int) -> None:
    """Say how many sagas of a kind were not shown."""
    if count > SHOWN:
        emit(f"and {count - SHOWN} more; --format json has them all")


def planned_data(item: BatchItem) -> dict[str, Any]:
    """Return one saga of a batch with its plan as data for JSON."""
    return item_data(item) | {"plan": json_form(plan_data(item.plan)) if item.plan else None}
