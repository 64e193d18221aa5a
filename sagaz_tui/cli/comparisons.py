"""Two runs side by side in words, and as data for JSON."""

from __future__ import annotations

from typing import Any

from sagaz_core.history.compare import Comparison, StepComparison
from sagaz_core.history.step_runs import StepRun
from sagaz_core.model import SagaSummary
from sagaz_tui.cli.changes import difference_data, print_differences
from sagaz_tui.cli.describe import error_data, saga_data, status_words
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import Row, emit, emit_facts, emit_rows
from sagaz_tui.replaying.step_words import OUTCOME_WORDS
from sagaz_tui.showing.text import short_duration


def print_comparison(found: Comparison, format: Format) -> None:
    """Write what differs between two runs: a row a step, below it the differences."""
    a, b = found.a, found.b
    emit_facts([("a", _run_words(a)), ("b", _run_words(b)), ("", _relation_words(a, b))])
    emit()
    columns = ("STEP", "A", "B", "TRIES", "TIME", "DIFFERS")
    emit_rows(columns, [_step_row(step) for step in found.steps], format)
    print_differences(found.beginning, format, title="What they began with")
    for step in found.steps:
        _print_step(step, format)
    print_differences(found.end, format, title="In the end")


def _run_words(saga: SagaSummary) -> str:
    took = short_duration(_seconds(saga))
    return f"{saga.saga_id}  {saga.saga_name}  {status_words(saga)}  took {took}"


def _seconds(saga: SagaSummary) -> float:
    return (saga.updated_at - saga.started_at).total_seconds()


def _relation_words(a: SagaSummary, b: SagaSummary) -> str:
    for name, run, other_name, other in (("b", b, "a", a), ("a", a, "b", b)):
        if run.parent_id == other.saga_id:
            return f"{name} is a replay of {other_name}, from its checkpoint #{run.parent_sequence}"
    return f"both are of the family of {a.root_id}" if a.root_id == b.root_id else ""


def _step_row(step: StepComparison) -> Row:
    return (
        step.name,
        _outcome_words(step.a),
        _outcome_words(step.b),
        _pair(_tries(step.a), _tries(step.b)),
        _pair(_time(step.a), _time(step.b)),
        ", ".join(step.differs),
    )


def _outcome_words(run: StepRun | None) -> str:
    if run is None:
        return "no such step"
    origin = f" from {run.origin}" if run.origin else ""
    return OUTCOME_WORDS[run.outcome] + origin + (", undone" if run.undone else "")


def _pair(a: str, b: str) -> str:
    return f"{a or '-'} / {b or '-'}" if a or b else ""


def _tries(run: StepRun | None) -> str:
    return str(run.attempts) if run and run.attempts else ""


def _time(run: StepRun | None) -> str:
    return "" if run is None or run.duration is None else short_duration(run.duration)


def _print_step(step: StepComparison, format: Format) -> None:
    errors = {
        name: run.error.headline if run is not None and run.error is not None else ""
        for name, run in (("a", step.a), ("b", step.b))
    }
    if not ("error" in step.differs or step.changes):
        return
    emit()
    emit(step.name)
    emit_facts([(f"  {name}", headline) for name, headline in errors.items()])
    print_differences(step.changes, format)


# ---------------------------------------------------------------- JSON


def comparison_data(found: Comparison) -> dict[str, Any]:
    """Return what differs between two runs as data for JSON."""
    return {
        "same": found.same,
        "a": _saga_data(found.a),
        "b": _saga_data(found.b),
        "steps": [
            {
                "name": step.name,
                "a": _step_data(step.a),
                "b": _step_data(step.b),
                "differs": list(step.differs),
                "changes": [difference_data(difference) for difference in step.changes],
            }
            for step in found.steps
        ],
        "beginning": [difference_data(difference) for difference in found.beginning],
        "end": [difference_data(difference) for difference in found.end],
    }


def _saga_data(saga: SagaSummary) -> dict[str, Any]:
    return {**saga_data(saga), "parent_sequence": saga.parent_sequence, "seconds": _seconds(saga)}


def _step_data(run: StepRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "outcome": run.outcome,
        "attempts": run.attempts,
        "seconds": run.duration,
        "error": error_data(run.error),
        "undone": run.undone,
        "origin": run.origin,
    }
