"""A step: what to do, how to undo it, when, and how often to try."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sagaz_core.config import Backoff
from sagaz_core.errors import SagaDefinitionError
from sagaz_core.model import StepInfo
from sagaz_core.saga.fingerprint import fingerprint

Action = Callable[[Any], Any]
"""``action(ctx)``, sync or async; what it returns, unless None, is the step's result."""
CompensationAction = Callable[[Any, Any], Any]
"""``compensation(result, ctx)``, sync or async."""
Simulation = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a saga, as :meth:`Saga.add_step` was told. Times are seconds."""

    name: str
    action: Action
    compensation: CompensationAction | None = None
    depends_on: tuple[str, ...] | None = None
    max_retries: int = 0
    retry_backoff: Backoff = field(default_factory=Backoff)
    timeout: float | None = None
    idempotent: bool = False
    simulate: Simulation | None = None
    compensate_on_timeout: bool = False

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise SagaDefinitionError(
                f"a step's name must be a text of printable characters, not {self.name!r}"
            )
        for role in ("action", "compensation", "simulate"):
            function = getattr(self, role)
            if not callable(function) and (function is not None or role == "action"):
                raise SagaDefinitionError(
                    f"step {self.name!r}: {role} must be a function, not {function!r}"
                )
        if not _is_count(self.max_retries):
            raise SagaDefinitionError(
                f"step {self.name!r}: max_retries must be a whole number from 0, "
                f"not {self.max_retries!r}"
            )
        if self.timeout is not None and not _is_positive(self.timeout):
            raise SagaDefinitionError(
                f"step {self.name!r}: timeout must be seconds above 0, or None to wait for ever, "
                f"not {self.timeout!r}"
            )

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the code of action and compensation, the same in every process."""
        return fingerprint(self.action, self.compensation)

    @functools.cached_property
    def info(self) -> StepInfo:
        """The step as it is recorded with a run."""
        return StepInfo(
            name=self.name,
            depends_on=self.depends_on,
            fingerprint=self.fingerprint,
            idempotent=self.idempotent,
            compensated=self.compensation is not None,
            compensation=_function_name(self.compensation),
        )

    def wait_before(self, attempt: int) -> float:
        """Return how many seconds to wait before ``attempt``, which counts from 2."""
        backoff = self.retry_backoff
        try:
            wait = min(backoff.initial * backoff.multiplier ** (attempt - 2), backoff.maximum)
        except OverflowError:
            wait = backoff.maximum
        return wait * (1 + random.uniform(-backoff.jitter, backoff.jitter))


def _function_name(function: Callable[..., Any] | None) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    # A lambda has no name to tell.
    return name if function is not None and _is_name(name) and name.isidentifier() else ""


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name != "" and name.isprintable()


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _is_positive(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
