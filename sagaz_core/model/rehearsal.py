"""A rehearsal: what each step of a replay did without its effects, and its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sagaz_core.model.looking_back import Difference
from sagaz_core.model.run import StepError, StepOutcome

Knowledge = Literal["simulate", "recorded", "borrowed", "forced", "unknown"]
"""Where a rehearsal knows from what a step does: its ``simulate=`` function, what it did in the
run that is replayed, what it did in another saga, the failure that was asked for, or nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStep:
    """What a step did in a rehearsal."""

    name: str
    outcome: StepOutcome | Literal["restored", "restored_in_name", "not_reached"]
    known_from: Knowledge | None = None
    """None: it was restored, so nothing had to be known."""
    known_saga: str | None = None
    """The saga that recorded what it did."""
    note: str = ""
    error: StepError | None = None
    undone: bool = False
    """Whether its compensation was walked too."""
    undoing_known: bool = False
    """Whether what that compensation changes was recorded; it is taken to change nothing if not."""
    changes: tuple[Difference, ...] = ()
    """What it changed in the context, and its result under its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A history that did not happen: a replay walked without its effects."""

    storage: Any
    """An in-memory ``SnapshotStorage`` that holds the history, and beside it a copy of the
    original's family, unless that has more than 10,000 checkpoints."""
    saga_id: str
    """Its id there; in no other store is there a saga of this id."""
    steps: tuple[RehearsedStep, ...]
    unknown_from: str | None = None
    """The first step of which nothing is known; None: it was walked to its end."""
    changes: tuple[Difference, ...] = ()
    """How the state at its end differs from the checkpoint it grew from, as that was recorded."""
