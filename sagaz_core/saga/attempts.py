"""One step's tries: call its action until it succeeds or has failed for good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from sagaz_core.errors import ForcedFailureError, RunRefusedError, StepTimeoutError
from sagaz_core.model import Attempt, StepOutcome, StepRecord, utc_now
from sagaz_core.saga.calling import call, describe_error
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.copying import copy_value
from sagaz_core.saga.step import Step

current_context: Final[ContextVar[StepContext | None]] = ContextVar("sagaz_context", default=None)
"""What the action or compensation that runs here was given."""


@dataclass(slots=True)
class Ending:
    """How a step ended: with changes and a result, or with an error."""

    outcome: StepOutcome
    attempts: tuple[Attempt, ...]
    keys_read: tuple[str, ...]
    changed: Mapping[str, Any]
    removed: frozenset[str]
    result: Any = None
    error: BaseException | None = None

    def record(self, name: str, conflicts: tuple[str, ...] = ()) -> StepRecord:
        """Return what is recorded of it."""
        keys_set = (*self.changed, *sorted(self.removed))
        return StepRecord(name, self.outcome, self.attempts, self.keys_read, keys_set, conflicts)


def cancel_requested(since: int = 0) -> bool:
    """Whether the current task was asked to stop, more often than ``since`` times.

    Tells a cancellation apart from an action that raises CancelledError by itself.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > since


class Attempts:
    """The tries of one step. Each starts from the same data; a failed one leaves no trace."""

    __slots__ = (
        "_asked",
        "_base",
        "_forced",
        "_on_failed",
        "_results",
        "_saga_id",
        "_step",
        "_steps",
        "_tries",
    )

    def __init__(
        self,
        step: Step,
        base: Mapping[str, Any],
        results: Mapping[str, Any],
        *,
        saga_id: str,
        steps: frozenset[str],
        forced_failure: bool = False,
        on_failed: Callable[[StepContext], None] = lambda context: None,
    ) -> None:
        """Prepare to call a step's action on ``base`` and ``results``, which must not change.

        Args:
            steps: the names of all steps.
            forced_failure: fail in place of the action.
            on_failed: is told of what each failed attempt leaves behind.
        """
        self._step = step
        self._base = base
        self._results = results
        self._saga_id = saga_id
        self._steps = steps
        self._forced = forced_failure
        self._on_failed = on_failed
        self._tries: list[Attempt] = []
        task = asyncio.current_task()
        self._asked = task.cancelling() if task else 0

    async def run(self, may_try: Callable[[], Awaitable[bool]]) -> Ending:
        """Try until the step succeeds or has no attempt left; never raises for the action.

        Args:
            may_try: asked before each further attempt. May raise.
        """
        step = self._step
        doubtful = False
        number = 1
        while True:
            ending = await self._try(number)
            if ending.error is None or ending.outcome == "cancelled":
                return ending
            doubtful = doubtful or ending.outcome == "timed_out"
            if doubtful:
                # One attempt that may have had its effect leaves the whole step in doubt.
                ending.outcome = "timed_out"
            if number > step.max_retries or not _worth_retrying(ending.error):
                return ending
            number += 1
            try:
                await asyncio.sleep(step.wait_before(number))
                if not await may_try():
                    return ending
            except asyncio.CancelledError:
                return ending

    async def _try(self, number: int) -> Ending:
        step = self._step
        context = StepContext(
            self._base,
            self._results,
            saga_id=self._saga_id,
            step=step.name,
            attempt=number,
            steps=self._steps,
        )
        outcome: StepOutcome = "failed"
        deadline = None if step.timeout is None else asyncio.timeout(step.timeout)
        token = current_context.set(context)
        started_at, clock = utc_now(), perf_counter()
        try:
            if self._forced:
                raise ForcedFailureError(f"the failure of step {step.name!r} was asked for")
            if deadline is None:
                value = await call(step.action, context)
            else:
                async with deadline:
                    value = await call(step.action, context)
        except (Exception, asyncio.CancelledError) as caught:  # noqa: BLE001 - people's code
            error: BaseException = caught
            if cancel_requested(self._asked):
                outcome = "cancelled"
            elif deadline is not None and deadline.expired():
                outcome = "timed_out"
                error = StepTimeoutError(
                    f"step {step.name!r} took longer than its timeout of {step.timeout:g} s; "
                    "whether it had its effect is not known"
                )
                error.__cause__ = caught
            duration = perf_counter() - clock
            self._tries.append(Attempt(number, started_at, duration, describe_error(error)))
            self._on_failed(context)
            return Ending(
                outcome, tuple(self._tries), context.keys_read, {}, frozenset(), error=error
            )
        finally:
            current_context.reset(token)
        self._tries.append(Attempt(number, started_at, perf_counter() - clock))
        return Ending(
            "completed",
            tuple(self._tries),
            context.keys_read,
            context.changed(),
            context.removed(),
            copy_value(value),
        )


def _worth_retrying(error: BaseException) -> bool:
    return not isinstance(error, RunRefusedError | ForcedFailureError)
