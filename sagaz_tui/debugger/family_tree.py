"""A family as a tree: what is drawn before each run, and from where and why it grew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sagaz_core.history.lineage import Branch

DRAWN_DEPTH: Final = 12
"""How deep branches are drawn where there is room."""


def from_words(branch: Branch) -> str:
    """Return from which checkpoint and step a run grew; empty: it is no replay."""
    saga = branch.saga
    if saga.parent_id is None:
        return ""
    gone = "" if branch.depth else f" of {saga.parent_id}, which is no longer in the store"
    return " ".join(filter(None, (f"from #{saga.parent_sequence}", branch.from_step))) + gone


def who_words(branch: Branch) -> str:
    """Return who began a replay, and why."""
    by = f"by {branch.initiated_by}" if branch.initiated_by else ""
    return ": ".join(filter(None, (by, branch.reason)))


def stems(branches: Sequence[Branch], drawn: int = DRAWN_DEPTH) -> Iterator[tuple[str, str]]:
    """Yield what stands before each run's own line, and before the lines below that.

    Branches deeper than ``drawn`` are drawn at that depth, with their own as a number.
    """
    followed = _followed(branches)
    rails: list[str] = []
    for index, branch in enumerate(branches):
        depth = branch.depth
        del rails[max(depth - 1, 0) :]
        stem = "".join(rails[: drawn - 1])
        if depth:
            stem += "├─ " if followed[index] else "└─ "
            rails.append("│  " if followed[index] else "   ")
        if depth > drawn:
            stem += f"({depth}) "
        grew = index + 1 < len(branches) and branches[index + 1].depth > depth
        down = "│" if grew and depth < drawn else " "
        yield stem, "".join(rails[:drawn]) + down


def _followed(branches: Sequence[Branch]) -> list[bool]:
    """Tell of each run whether another one grew from the same place below it."""
    followed = [False] * len(branches)
    open_depths: set[int] = set()
    for index in reversed(range(len(branches))):
        depth = branches[index].depth
        followed[index] = depth in open_depths
        open_depths = {other for other in open_depths if other < depth} | {depth}
    return followed
