"""What became of a step, in words: of one that ran, and of one in a rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sagaz_core.history.step_runs import StepRunOutcome

OUTCOME_WORDS: Final[dict[StepRunOutcome, str]] = {
    "completed": "completed",
    "failed": "FAILED",
    "timed_out": "TIMED OUT",
    "cancelled": "cancelled",
    "restored": "restored",
    "restored_in_name": "restored in name only",
    "unfinished": "begun, no end recorded",
    "not_reached": "not reached",
}
