"""Starts a replay in a process of its own, which outlives the screen that started it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sagaz_core.replay.overrides import Override


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What a person asks for, before it is planned.

    Args:
        saga_id: the saga to grow a branch from.
        from_step: the step to start at.
        overrides: staged edits, in order.
        snapshot_id: one checkpoint exactly; None: the step's newest.
        compensated: what happens with restored steps that were undone since.
        in_doubt: what happens with steps in doubt; None: nobody has chosen.
    """

    saga_id: str
    from_step: str
    overrides: tuple[Override, ...] = ()
    snapshot_id: str | None = None
    compensated: Literal["redo", "keep", "refuse"] = "redo"
    in_doubt: Literal["retry", "skip"] | None = None
