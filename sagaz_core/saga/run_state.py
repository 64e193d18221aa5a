"""What a run has come to: its data, the steps that are complete, and those that are undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagaz_core.model import Compensation
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step


class RunState:
    """The state of a saga while it runs.

    Values of the context and results are never changed in place, only replaced: whoever holds a
    shallow copy holds the state of that moment.
    """

    __slots__ = (
        "_changed_by",
        "compensated",
        "compensation",
        "completed",
        "context",
        "merges",
        "results",
        "rolling_back",
        "running",
        "undo",
    )

    def __init__(
        self, context: dict[str, Any], steps: Mapping[str, Step], start: StartPoint
    ) -> None:
        """Begin where ``start`` says, on ``context``, which becomes the run's own."""
        self.context = context
        self.results: dict[str, Any] = {
            name: start.results[name] for name in start.complete if name in start.results
        }
        self.completed = list(start.complete)
        self.running: dict[str, None] = {}
        self.undo = [steps[name] for name in start.compensable if steps[name].compensation]
        """What to compensate on failure, in order of completion."""
        self.compensated: list[str] = []
        self.compensation: Compensation = "none"
        self.rolling_back = False
        self.merges = 0
        """How often a step's changes have come in, so far."""
        self._changed_by: dict[str, int] = {}
        """For each key the number of the merge that changed it last."""

    def merge(self, changed: Mapping[str, Any], removed: Iterable[str]) -> None:
        """Take a step's changes into the context."""
        self.merges += 1
        self.context.update(changed)
        for key in removed:
            self.context.pop(key, None)
        for key in (*changed, *removed):
            self._changed_by[key] = self.merges

    def changed_since(self, keys: Sequence[str], merge: int) -> tuple[str, ...]:
        """Return those of ``keys`` that have changed after the merge of this number."""
        return tuple(key for key in keys if self._changed_by.get(key, 0) > merge)
