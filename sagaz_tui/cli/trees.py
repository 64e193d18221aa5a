"""A family's tree in words, as a drawing, and as data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sagaz_core.history.lineage import Branch, Lineage
from sagaz_tui.cli.describe import saga_data, status_words
from sagaz_tui.cli.output import Listing, Row, emit
from sagaz_tui.cli.plans import override_data, override_line
from sagaz_tui.cli.times import time_text

DRAWN_DEPTH: Final = 12
"""Deeper branches are drawn at this depth, with their depth as a number before them."""


def print_lineage(family: Lineage) -> None:
    """Draw a family: a line for each run, below it what was changed for it and why."""
    for (stem, below), branch in zip(_stems(family.branches), family.branches, strict=True):
        here = "  ← this one" if branch.saga.saga_id == family.saga_id else ""
        emit(f"{stem}{_run_words(branch)}{here}")
        for line in (*map(override_line, branch.override), _who_words(branch)):
            if line:
                emit(f"{below}  {line}")


def lineage_rows(family: Lineage) -> Listing:
    """Return the columns of a family, and a row for each run."""
    rows: list[Row] = [
        (
            stem + branch.saga.saga_id,
            status_words(branch.saga),
            _from_words(branch),
            time_text(branch.saga.started_at),
            branch.initiated_by,
            branch.reason or "",
            ", ".join(map(override_line, branch.override)),
        )
        for (stem, _), branch in zip(_stems(family.branches), family.branches, strict=True)
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
    words = (saga.saga_id, status_words(saga), _from_words(branch), time_text(saga.started_at))
    return "  ".join(filter(None, words))


def _from_words(branch: Branch) -> str:
    saga = branch.saga
    if saga.parent_id is None:
        return ""
    gone = "" if branch.depth else f" of {saga.parent_id}, which is no longer in the store"
    return " ".join(filter(None, (f"from #{saga.parent_sequence}", branch.from_step))) + gone


def _who_words(branch: Branch) -> str:
    by = f"by {branch.initiated_by}" if branch.initiated_by else ""
    return ": ".join(filter(None, (by, branch.reason)))


def _stems(branches: Sequence[Branch]) -> Iterator[tuple[str, str]]:
    """Yield what stands before each run's own line, and before the lines below that."""
    followed = _followed(branches)
    rails: list[str] = []
    for index, branch in enumerate(branches):
        depth = branch.depth
        del rails[max(depth - 1, 0) :]
        stem = "".join(rails[: DRAWN_DEPTH - 1])
        if depth:
            stem += "├─ " if followed[index] else "└─ "
            rails.append("│  " if followed[index] else "   ")
        if depth > DRAWN_DEPTH:
            stem += f"({depth}) "
        grew = index + 1 < len(branches) and branches[index + 1].depth > depth
        down = "│" if grew and depth < DRAWN_DEPTH else " "
        yield stem, "".join(rails[:DRAWN_DEPTH]) + down


def _followed(branches: Sequence[Branch]) -> list[bool]:
    """Tell of each run whether another one grew from the same place below it."""
    followed = [False] * len(branches)
    open_depths: set[int] = set()
    for index in reversed(range(len(branches))):
        depth = branches[index].depth
        followed[index] = depth in open_depths
        open_depths = {other for other in open_depths if other < depth} | {depth}
    return followed
