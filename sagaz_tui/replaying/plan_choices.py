"""What a person can choose where a plan leaves it open, each by a key that goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from sagaz_core.model import ReplayPlan
from sagaz_tui.keys.table import keys_called
from sagaz_tui.replaying.process import ReplayRequest

Way = TypeVar("Way")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose.

    Args:
        key: the id of its key.
        problem: the code of the problem that it does away with.
        is_open: whether there is anything to choose, for what was asked and what was planned.
        next: gives the request with the next way taken.
    """

    key: str
    problem: str
    is_open: Callable[[ReplayRequest, ReplayPlan], bool]
    next: Callable[[ReplayRequest], ReplayRequest]


def _after(way: Way, ways: Sequence[Way]) -> Way:
    return ways[(ways.index(way) + 1) % len(ways)]


CHOICES: Final[Mapping[str, Choice]] = {
    "again": Choice(
        "plan.again",
        "recovered",
        lambda request, plan: request.again,
        lambda request: replace(request, again=not request.again),
    ),
    "in-doubt": Choice(
        "plan.in-doubt",
        "in_doubt",
        lambda request, plan: request.in_doubt is not None,
        lambda request: replace(
            request, in_doubt=_after(request.in_doubt, (None, "retry", "skip"))
        ),
    ),
    "undone": Choice(
        "plan.undone",
        "undone_refused",
        lambda request, plan: any(step.undone_by for step in plan.steps),
        lambda request: replace(
            request, compensated=_after(request.compensated, ("redo", "keep", "refuse"))
        ),
    ),
}


def open_choices(request: ReplayRequest, plan: ReplayPlan | None) -> Iterator[Choice]:
    """Give what there is to choose for a plan; nothing while there is none."""
    if plan is None:
        return
    problems = {problem.code for problem in plan.problems}
    for choice in CHOICES.values():
        if choice.problem in problems or choice.is_open(request, plan):
            yield choice


def keys_by_problem(remapped: Mapping[str, str]) -> dict[str, str]:
    """Give for each problem that a choice does away with the key of that choice."""
    return {choice.problem: keys_called(choice.key, remapped) for choice in CHOICES.values()}
