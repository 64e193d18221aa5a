"""Where a run begins that does not begin at its first step: a replay, or one that is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StartPoint:
    """The state a saga is started from in the middle; see :meth:`Saga.execute_from`.

    Of a run that is resumed, "restored" is what it had completed before.
    """

    context: dict[str, Any]
    """The context as restored, with overrides applied."""
    results: dict[str, Any]
    """The results of the restored steps."""
    restored: tuple[str, ...]
    """Steps complete at the start, in order of completion; compensated if the run fails."""
    kept: tuple[str, ...] = ()
    """Steps restored in name only: complete, and never compensated."""
    redo: tuple[str, ...] = ()
    """Steps that run first, in this order, before the rest of the saga."""
    from_step: str | None
    """The step a replay starts at; None: the run is resumed where it stopped."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """For each restored step the id of the saga in which it really ran."""
    force_failure: str | None = None
    """Raise :class:`ForcedFailureError` instead of calling the action of this step."""
    unknown: tuple[str, ...] = ()
    """Steps that a rehearsal knows nothing of, and those that wait for them: none is begun, and
    where only they are left the run stops, neither completed nor undone."""

    @property
    def complete(self) -> tuple[str, ...]:
        """All steps that are complete at the start, in order of completion."""
        return (*self.restored, *(name for name in self.kept if name not in self.restored))

    @property
    def compensable(self) -> tuple[str, ...]:
        """The steps that are undone if the run fails, in order of completion."""
        return tuple(name for name in self.restored if name not in self.kept)
