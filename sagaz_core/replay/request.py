"""What a person wants replayed, from where, with what changed, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from sagaz_core.errors import UsageError
from sagaz_core.replay.correction import Correction
from sagaz_core.replay.factory import FACTORY_TIMEOUT, SagaFactory
from sagaz_core.replay.fates import InDoubt, Undone


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person wants replayed."""

    saga_id: str
    from_step: str
    correction: Correction = field(default_factory=Correction)
    compensated: Undone = "redo"
    in_doubt: InDoubt | None = None
    force_failure: bool | str = False
    """The step that is made to fail instead of running; True: ``from_step``."""
    snapshot_id: str | None = None
    factory: SagaFactory | None = None
    factory_timeout: float = FACTORY_TIMEOUT
    again: bool = False
    """Whether a family that a replay has recovered may be replayed all the same."""

    def __post_init__(self) -> None:
        if self.compensated not in get_args(Undone):
            raise UsageError(
                f"compensated is {self.compensated!r}; use one of {', '.join(get_args(Undone))}"
            )
        if self.in_doubt is not None and self.in_doubt not in get_args(InDoubt):
            raise UsageError(
                f"in_doubt is {self.in_doubt!r}; use one of {', '.join(get_args(InDoubt))}, "
                "or None to have the plan ask"
            )

    @property
    def fails_at(self) -> str | None:
        """The step that is made to fail, or None."""
        if isinstance(self.force_failure, str):
            return self.force_failure
        return self.from_step if self.force_failure else None
