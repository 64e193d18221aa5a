"""One checkpoint as the screen shows it, and how two of them differ."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from jsonpointer import unescape

from sagaz_core.history.diff import diff
from sagaz_core.model import Difference, SagaSnapshot

HEAVY: Final = 20_000
"""The weight of a checkpoint that takes a person's time to read."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One checkpoint, read: its state and what it changed.

    ``snapshot`` is None where the stored checkpoint cannot be decoded; ``problem`` says why. Its
    lists of steps are left out.
    """

    sequence: int
    snapshot: SagaSnapshot | None
    before: int | None
    """The number of the checkpoint before it; None: it is the first."""
    changes: tuple[Difference, ...] = ()
    problem: str = ""
    weight: int = 1
    """How much there is to keep: values, and characters by the hundred."""
    set_at: Mapping[str, int] = field(default_factory=dict)
    """Each key that was set by then, to the checkpoint that set it last."""
    causes: Mapping[str, str | None] = field(default_factory=dict)
    """The keys that changed since the checkpoint before, and by which step each."""


def changes_among(
    before: Mapping[str, Any], after: Mapping[str, Any], keys: Container[str]
) -> tuple[Difference, ...]:
    """Return how two states differ, given the keys that were set or removed between them.

    The others are equal, and may be large: they are not looked at.
    """
    old, new = (
        {key: value for key, value in state.items() if key in keys} for state in (before, after)
    )
    return tuple(diff(old, new))


def set_since(earlier: Moment, later: Moment) -> set[str]:
    """Return the keys that were set after one checkpoint and up to a later one, or removed."""
    if earlier.snapshot is None or later.snapshot is None:
        return set()
    state = later.snapshot.state
    return {
        *(key for key in state if later.set_at.get(key, later.sequence) > earlier.sequence),
        *(key for key in earlier.snapshot.state if key not in state),
    }


def sharing(
    snapshot: SagaSnapshot, neighbour: SagaSnapshot, changes: Iterable[Difference]
) -> SagaSnapshot:
    """Return a snapshot with its neighbour's own values wherever the two do not differ."""
    changed = {unescape(change.path.split("/", 2)[1]) for change in changes}
    context, results = (
        {key: value if key in changed else other.get(key, value) for key, value in own.items()}
        for own, other in (
            (snapshot.context, neighbour.context),
            (snapshot.results, neighbour.results),
        )
    )
    return replace(snapshot, context=context, results=results)


def weigh(state: Any) -> int:
    """Count values and characters, no further than it takes to know that there are many."""
    weight, waiting = 1, [state]
    while waiting and weight < HEAVY:
        value = waiting.pop()
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            weight += len(value)
            # Of a container that is heavy by itself nothing more needs to be counted.
            if weight < HEAVY:
                waiting += value.values() if isinstance(value, dict) else value
        elif isinstance(value, (str, bytes)):
            weight += len(value) // 100
    return min(weight, HEAVY)
