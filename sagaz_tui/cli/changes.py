"""Differences, blame and state changes in words, and as data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sagaz_core.history.blame import BlameEntry
from sagaz_core.model import MISSING, Difference, StateChange
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import Listing, Row, emit, emit_rows
from sagaz_tui.cli.times import time_text
from sagaz_tui.showing.values import VALUE_WIDTH, is_plain, json_form, type_word, value_text

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "type_changed": "~"}


def print_differences(
    differences: Sequence[Difference], format: Format, *, title: str = ""
) -> None:
    """Write differences as lines or as a table, under a title if one is given; none: nothing."""
    if not differences:
        return
    if title:
        emit()
        emit(title)
    if format == "table":
        emit_rows(*difference_rows(differences), format)
        return
    for difference in differences:
        emit(f"  {difference_line(difference)}")


def difference_line(difference: Difference) -> str:
    """Return one line of a diff: ``~ /amount  99.99 Decimal → 99.99 float  TYPE``."""
    before, after = difference.before, difference.after
    typed = difference.kind == "type_changed"
    sides = [typed_text(side, always=typed) for side in (before, after) if side is not MISSING]
    end = "  TYPE" if typed else ""
    return f"{_SIGNS[difference.kind]} {difference.path}  {' → '.join(sides)}{end}"


def typed_text(value: Any, *, always: bool = False) -> str:
    """Return a value's text, followed by its type where the text alone does not tell it."""
    text = value_text(value, VALUE_WIDTH)
    return f"{text} {type_word(value)}" if always or not is_plain(value) else text


def difference_data(difference: Difference) -> dict[str, Any]:
    """Return one line of a diff as data for JSON; a side that is not there is left out."""
    data: dict[str, Any] = {"path": difference.path, "kind": difference.kind}
    if difference.before is not MISSING:
        data["before"] = json_form(difference.before)
    if difference.after is not MISSING:
        data["after"] = json_form(difference.after)
    return data


def difference_rows(
    differences: Sequence[Difference],
) -> Listing:
    """Return the columns of a diff, and a row for each line."""
    rows: list[Row] = [
        (
            difference.kind.replace("_", " "),
            difference.path,
            *(
                ""
                if side is MISSING
                else typed_text(side, always=difference.kind == "type_changed")
                for side in (difference.before, difference.after)
            ),
        )
        for difference in differences
    ]
    return ("CHANGE", "PATH", "BEFORE", "AFTER"), rows


# ---------------------------------------------------------------- blame


def blame_rows(entries: Sequence[BlameEntry]) -> Listing:
    """Return the columns of a key's history, and a row for each value it had."""
    rows: list[Row] = [
        (
            f"#{entry.sequence}",
            time_text(entry.created_at),
            cause_words(entry.step_name),
            "" if entry.value is MISSING else type_word(entry.value),
            "removed" if entry.value is MISSING else value_text(entry.value, VALUE_WIDTH),
        )
        for entry in entries
    ]
    return ("#", "TIME", "SET BY", "TYPE", "VALUE"), rows


def blame_data(entry: BlameEntry) -> dict[str, Any]:
    """Return one value of a key as data for JSON; a removal has no value."""
    data: dict[str, Any] = {
        "sequence": entry.sequence,
        "step_name": entry.step_name,
        "created_at": entry.created_at.isoformat(),
        "removed": entry.value is MISSING,
    }
    if entry.value is not MISSING:
        data["value"] = json_form(entry.value)
    return data


def cause_words(step_name: str | None) -> str:
    """Return who set a value: a step, or whoever started the saga."""
    return "the start" if step_name is None else step_name


# ---------------------------------------------------------------- state changes


def change_heading(change: StateChange) -> str:
    """Return the line above the differences of one checkpoint."""
    causes = sorted({cause_words(step) for step in change.caused_by.values()})
    by = f"  by {', '.join(causes)}" if causes else ""
    step = f" {change.step_name}" if change.step_name else ""
    return f"#{change.sequence}  {time_text(change.created_at)}  {change.kind}{step}{by}"


def change_rows(changes: Sequence[StateChange]) -> Listing:
    """Return the columns of a list of changes, and a row for each difference."""
    rows: list[Row] = [
        (
            f"#{change.sequence}",
            time_text(change.created_at),
            change.kind,
            change.step_name or "",
            difference_line(difference) if difference else "",
        )
        for change in changes
        for difference in change.changes or (None,)
    ]
    return ("#", "TIME", "KIND", "STEP", "CHANGE"), rows


def change_data(change: StateChange) -> dict[str, Any]:
    """Return a state change as data for JSON."""
    return {
        "saga_id": change.saga_id,
        "sequence": change.sequence,
        "snapshot_id": change.snapshot_id,
        "created_at": change.created_at.isoformat(),
        "kind": change.kind,
        "status": change.status,
        "step_name": change.step_name,
        "caused_by": dict(change.caused_by),
        "changes": [difference_data(difference) for difference in change.changes],
    }


def print_changes(changes: Sequence[StateChange], format: Format) -> None:
    """Write a list of state changes: a heading for each checkpoint, its differences below."""
    if format == "table":
        emit_rows(*change_rows(changes), format)
        return
    for change in changes:
        emit(change_heading(change))
        for difference in change.changes:
            emit(f"  {difference_line(difference)}")
