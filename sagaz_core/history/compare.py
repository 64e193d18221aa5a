"""Two runs side by side, step by step: what differs in outcome, time, error and context."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sagaz_core.history.alignment import align
from sagaz_core.history.diff import diff
from sagaz_core.history.left_by_steps import Progress, compare_what_steps_left
from sagaz_core.history.step_runs import StepRun, read_step_runs
from sagaz_core.model import Difference, SagaSummary
from sagaz_core.storage.reader import StoreReader

Aspect = Literal["outcome", "undone", "attempts", "error", "context"]
"""In what two runs of a step may differ; the time they took always does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepComparison:
    """One step in both runs."""

    name: str
    a: StepRun | None
    """None: this run has no such step."""
    b: StepRun | None
    differs: tuple[Aspect, ...]
    """Nothing but the outcome and what follows from it is compared with a restored step."""
    changes: tuple[Difference, ...]
    """How the keys that the step set are different in ``b`` from ``a``, each as the step left it;
    what it set in one run only is added or removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs aligned by step."""

    a: SagaSummary
    b: SagaSummary
    steps: tuple[StepComparison, ...]
    beginning: tuple[Difference, ...]
    """How the states that they began with differ; of a replay and its original, the replay's
    beginning and the checkpoint it grew from."""
    end: tuple[Difference, ...]
    """How their latest states differ: contexts and step results."""

    @property
    def same(self) -> bool:
        """Whether nothing but times differs."""
        return not (self.beginning or self.end or any(step.differs for step in self.steps))


async def compare(
    storage: StoreReader, a: str, b: str, *, progress: Progress | None = None
) -> Comparison:
    """Compare two runs, of one family or not, by the names of their steps.

    Steps stand in the order of both runs, as far as those agree. Both histories are read once,
    side by side; of contexts no more is held than what the steps set that one run has come to
    and the other has not yet. ``progress``, if given, is told how many steps have been compared,
    and of how many.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    first, second = await storage.get_existing_saga(a), await storage.get_existing_saga(b)
    a_runs, b_runs = await read_step_runs(storage, first), await read_step_runs(storage, second)
    changes = await compare_what_steps_left(storage, a, b, progress)
    beginnings = await _beginnings(storage, first, second)
    ends = await _latest_state(storage, a), await _latest_state(storage, b)

    def compared() -> Comparison:
        return Comparison(
            a=first,
            b=second,
            steps=tuple(
                _compared(name, a_runs.get(name), b_runs.get(name), changes.get(name, ()))
                for name in _in_order(list(a_runs), list(b_runs))
            ),
            beginning=tuple(diff(*beginnings)),
            end=tuple(diff(*ends)),
        )

    return await asyncio.to_thread(compared)


async def _latest_state(storage: StoreReader, saga_id: str) -> dict[str, Any]:
    latest = await storage.masked.get_latest_snapshot(saga_id)
    return {} if latest is None else latest.state


async def _beginnings(
    storage: StoreReader, a: SagaSummary, b: SagaSummary
) -> tuple[dict[str, Any], dict[str, Any]]:
    before = await _first_state(storage, a.saga_id, compared_from(a, b))
    after = await _first_state(storage, b.saga_id, compared_from(b, a))
    return before, after


def compared_from(run: SagaSummary, other: SagaSummary) -> int:
    """Return from which of its checkpoints on a run is compared: where the other one grew from
    it, else where it began."""
    grew = other.parent_id == run.saga_id
    return (other.parent_sequence if grew else None) or 1


async def _first_state(storage: StoreReader, saga_id: str, number: int) -> dict[str, Any]:
    """Return the state at a checkpoint, or at the next one that was not deleted."""
    for entry in await storage.list_checkpoints(saga_id, after=number - 1, limit=1):
        return (await storage.masked.get_checkpoint(saga_id, entry.sequence)).state
    return {}


def _in_order(a: Sequence[str], b: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for i, j in align(a, b, lambda _i, _j: 0.0):
        for name in (None if i is None else a[i], None if j is None else b[j]):
            if name is not None and name not in seen:
                seen.add(name)
                yield name


def _compared(
    name: str, a: StepRun | None, b: StepRun | None, changes: tuple[Difference, ...]
) -> StepComparison:
    if a is not None and b is not None and (a.restored or b.restored):
        changes = ()
    return StepComparison(
        name=name, a=a, b=b, differs=tuple(_differing(a, b, changes)), changes=changes
    )


def _differing(
    a: StepRun | None, b: StepRun | None, changes: Sequence[Difference]
) -> Iterator[Aspect]:
    if a is None or b is None:
        yield "outcome"
    elif a.restored or b.restored:
        if a.completed != b.completed:
            yield "outcome"
    else:
        if a.outcome != b.outcome:
            yield "outcome"
        if a.undone != b.undone:
            yield "undone"
        if a.attempts != b.attempts and a.attempts and b.attempts:
            yield "attempts"
        if _said(a) != _said(b):
            yield "error"
    if changes:
        yield "context"


def _said(run: StepRun) -> tuple[str, str] | None:
    return None if run.error is None else (run.error.type, run.error.message)
