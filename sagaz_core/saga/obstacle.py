"""Why a run that fails may undo nothing: somebody else acts, or nobody would know of it."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from sagaz_core.errors import LeaseLostError, StoreLostError
from sagaz_core.saga.recording import Recording
from sagaz_core.saga.step import Step

Obstacle = LeaseLostError | StoreLostError


def find_obstacle(recording: Recording | None, *, resumable: bool) -> Obstacle | None:
    """Return why nothing may be undone now; None: it may.

    Args:
        resumable: it is gone on with as it was recorded, once its store is back: what it had
            undone without a record would then be taken for done.
    """
    if recording is None:
        return None
    if recording.held_lease and isinstance(recording.refusal, LeaseLostError):
        return recording.refusal
    if resumable and recording.out_of_reach is not None:
        return StoreLostError(
            f"{recording.out_of_reach}; it has stopped there: once the store is back, "
            f"`sagaz resume {quote(recording.saga_id)}` goes on with it"
        )
    return None


def left_undone(obstacle: Obstacle, steps: Sequence[Step], cause: BaseException | None) -> Obstacle:
    """Return the error of a run that has left ``steps`` as they are."""
    names = ", ".join(step.name for step in steps)
    error = type(obstacle)(f"{obstacle}; this run has left these steps as they are: {names}")
    error.__cause__ = cause
    return error
