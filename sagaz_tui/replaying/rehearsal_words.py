"""What a rehearsal says of its end and of each step, on the screen and in print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sagaz_tui.replaying.step_words import OUTCOME_WORDS

# What belongs to replays is not loaded for a title.
if TYPE_CHECKING:
    from sagaz_core.model import Knowledge, RehearsedStep, ReplayStatus

GHOST_WORDS: Final = "GHOST  nothing ran"
"""What stands in the title of a history that did not happen."""

_KNOWN: Final[dict[Knowledge, str]] = {
    "simulate": "its simulate function",
    "recorded": "what it did in",
    "borrowed": "BORROWED from",
    "forced": "the failure asked for",
    "unknown": "NOTHING IS KNOWN",
}
_ENDS: Final[dict[ReplayStatus, str]] = {
    "success": "it would succeed",
    "failed": "it would FAIL",
    "stopped": "NOT KNOWN",
}


def end_words(status: ReplayStatus) -> str:
    """Return how a rehearsal that was walked came out."""
    return _ENDS[status]


def did_words(step: RehearsedStep) -> str:
    """Return what became of a step, and whether it was undone."""
    undone = ""
    if step.undone:
        undone = ", undone" if step.undoing_known else ", undone (what that changes is not known)"
    return OUTCOME_WORDS[step.outcome] + undone


def known_words(step: RehearsedStep) -> str:
    """Return from where it is known what a step does; empty: nothing had to be known."""
    if step.known_from is None:
        return ""
    words = [" ".join(filter(None, (_KNOWN[step.known_from], step.known_saga)))]
    return "; ".join([*words, *filter(None, (step.note,))])
