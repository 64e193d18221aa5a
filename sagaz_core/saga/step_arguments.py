"""What ``add_step`` takes in more than one form, read."""

from __future__ import annotations

from collections.abc import Sequence, Set

from sagaz_core.config import Backoff
from sagaz_core.errors import SagaDefinitionError


def step_names(step: str, depends_on: object) -> tuple[str, ...] | None:
    """Return the steps that one depends on; raises :class:`SagaDefinitionError`."""
    if depends_on is None:
        return None
    if isinstance(depends_on, str) or not isinstance(depends_on, Sequence | Set):
        raise SagaDefinitionError(
            f"step {step!r}: depends_on must be a list of step names, not {depends_on!r}"
        )
    return tuple(depends_on)


def step_backoff(step: str, given: object) -> Backoff:
    """Return the waits between tries; a number is the first one in seconds."""
    if given is None:
        return Backoff()
    if isinstance(given, Backoff):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool) and given >= 0:
        return Backoff(initial=float(given))
    raise SagaDefinitionError(
        f"step {step!r}: retry_backoff must be a Backoff or seconds from 0, not {given!r}"
    )
