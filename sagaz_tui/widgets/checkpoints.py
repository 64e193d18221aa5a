"""What one checkpoint says of itself in a glyph, a few words and a colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sagaz_core.model import CheckpointSummary, Kind
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import GlyphName
from sagaz_tui.widgets.lines import Token

UNDO_KINDS: Final[frozenset[Kind]] = frozenset(
    {"before_compensation", "after_compensation", "compensation_failed"}
)
FAILURE_KINDS: Final[frozenset[Kind]] = frozenset({"step_failed", "compensation_failed"})

_TOKENS: Final[dict[Kind, Token]] = {
    "step_failed": "fail",
    "compensation_failed": "fail",
    "failed": "fail",
    "completed": "ok",
    "before_compensation": "undo",
    "after_compensation": "undo",
    "manual": "live",
}


def token_of(kind: Kind) -> Token:
    """Return the colour of a checkpoint's glyph."""
    return _TOKENS.get(kind, "text")


def sign_of(kind: Kind, *, ghost: bool = False) -> tuple[GlyphName, Token]:
    """Return the glyph of a checkpoint and its colour.

    Of a ``ghost``, which is rehearsed, only what would fail looks as it does in a run.
    """
    token = token_of(kind)
    return ("ghost", "ghost") if ghost and token != "fail" else (kind, token)


def words_of(checkpoint: CheckpointSummary, compensations: Mapping[str, str]) -> str:
    """Return what happened at a checkpoint, in a few words: ``charge_payment failed ×3``.

    Args:
        checkpoint: the checkpoint.
        compensations: step to the name of its compensation function, where that is known.
    """
    step = visible(checkpoint.step_name or "")
    function = visible(compensations.get(checkpoint.step_name or "", ""))
    match checkpoint.kind:
        case "before_step":
            return f"before {step}"
        case "after_step":
            return f"after {step}{times(checkpoint.attempts)}"
        case "step_failed":
            return f"{step} failed{times(checkpoint.attempts)}"
        case "before_compensation":
            return f"{function} ▸{step}" if function else f"undo {step}"
        case "after_compensation":
            return f"undone {step}"
        case "compensation_failed":
            return f"{function} FAILED ▸{step}" if function else f"undo FAILED {step}"
        case "manual":
            return visible(checkpoint.label or "manual")
        case _:
            return checkpoint.kind


def times(attempts: int) -> str:
    """Return `` ×3`` for a step that took three attempts, nothing for one."""
    return f" ×{attempts}" if attempts > 1 else ""


def attempts_between(before: CheckpointSummary, after: CheckpointSummary) -> int:
    """Return how often the step that began at ``before`` was tried, as ``after`` knows it."""
    if after.kind == "step_failed" and after.step_name == before.step_name:
        return after.attempts
    for record in after.step_records:
        if record.name == before.step_name:
            return len(record.attempts)
    return 0
