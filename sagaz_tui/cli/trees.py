"""A family's tree in words, as a drawing, and as data for JSON."""

from __future__ import annotations

from typing import Any

from sagaz_core.history.lineage import Branch, Lineage
from sagaz_tui.cli.describe import saga_data, status_words
from sagaz_tui.cli.output import Listing, Row, emit
from sagaz_tui.cli.plans import override_data, override_line
from sagaz_tui.cli.times import time_text
from sagaz_tui.debugger.family_tree import from_words, stems, who_words


def print_lineage(family: Lineage) -> None:
    """Draw a family: a line for each run, below it what was changed for it and why."""
    for (stem, below), branch in zip(stems(family.branches), family.branches, strict=True):
        here = "  ← this one" if branch.saga.saga_id == family.saga_id else ""
        emit(f"{stem}{_run_words(branch)}{here}")
        for line in (*map(override_line, branch.override), who_words(branch)):
            if line:
                emit(f"{below}  {line}")


def lineage_rows(family: Lineage) -> Listing:
    """Return the columns of a family, and a row for each run."""
    rows: list[Row] = [
        (
            stem + branch.saga.saga_id,
            status_words(branch.saga),
            from_words(branch),
            time_text(branch.saga.started_at),
            branch.initiated_by,
            branch.reason or "",
            ", ".join(map(override_line, branch.override)),
        )
        for (stem, _), branch in zip(stems(family.branches), family.branches, strict=True)
    ]
    return ("ID", "STATUS", "FROM", "STARTED", "BY", "WHY", "OVERRIDE"), rows


def lineage_data(family: Lineage) -> dict[str, Any]:
    """Return a family as data for JSON: a flat list, each run before all that grew from it."""
    return {
        "saga_id": family.saga_id,
        "root_id": family.root_id,
        "branches": [
            {
                **saga_data(branch.saga),
                "parent_sequence": branch.saga.parent_sequence,
                "depth": branch.depth,
                "from_step": branch.from_step,
                "override": [override_data(change) for change in branch.override],
                "initiated_by": branch.initiated_by,
                "reason": branch.reason,
            }
            for branch in family.branches
        ],
    }


def _run_words(branch: Branch) -> str:
    saga = branch.saga
    words = (saga.saga_id, status_words(saga), from_words(branch), time_text(saga.started_at))
    return "  ".join(filter(None, words))
