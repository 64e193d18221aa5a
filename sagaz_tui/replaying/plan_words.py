"""What a plan says of a step and of an override in a few words, on the screen and in print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sagaz_core.model import Drift, PlannedOverride, PlannedStep
from sagaz_tui.showing.text import short_duration

_DRIFT: Final[dict[Drift, str]] = {
    "changed": "code changed since",
    "added": "added since",
    "moved": "moved since",
    "removed": "no longer in the code",
}
_NAMED: Final = 3
"""Steps that are named before they are only counted."""


def step_words(step: PlannedStep) -> str:
    """Return why a step has its fate, and what is to be known of it."""
    runs = not step.fate.startswith("restored") and step.fate != "gone"
    words = (
        f"undone since by {step.undone_by}" if step.undone_by else "",
        "ran after this checkpoint" if step.was_running else "",
        _DRIFT[step.drift] if step.drift else "",
        "idempotent" if step.idempotent and runs else "",
    )
    return ", ".join(filter(None, words))


def took_words(step: PlannedStep) -> str:
    """Return how a step went in the original: ``1.204s ×3``; empty: it did not run there."""
    if step.duration is None or step.attempts is None:
        return ""
    tries = f" ×{step.attempts}" if step.attempts > 1 else ""
    return short_duration(step.duration) + tries


def use_words(change: PlannedOverride) -> str:
    """Return which steps of the original had to do with an override's key, or that none had."""
    words = [
        f"{verb} by {_names(steps)}"
        for verb, steps in (("read", change.read_by), ("set", change.set_by))
        if steps
    ]
    return f"{', '.join(words)} in the original" if words else change.note


def _names(steps: Sequence[str]) -> str:
    names = ", ".join(steps[:_NAMED])
    return f"{names} and {len(steps) - _NAMED} more" if len(steps) > _NAMED else names
