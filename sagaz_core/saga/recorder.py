"""Recording any code that runs in steps, so that the debugger works for it too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from sagaz_core.errors import (
    ForcedFailureError,
    RunRefusedError,
    SnapshotCaptureError,
    UsageError,
)
from sagaz_core.model import MISSING, Attempt, Kind, StepError, StepRecord, utc_now
from sagaz_core.saga.calling import describe_error
from sagaz_core.saga.recording import Recording


@dataclass(slots=True)
class RecordedStep:
    """A step under way; set ``result`` to have it recorded under the step's name."""

    name: str
    result: Any = MISSING


class SagaRecorder(Recording):
    """Records a run, with or without this library's engine.

    ::

        async with SagaRecorder(storage, saga_name="Nightly") as recorder:
            async with recorder.step("download", context) as step:
                step.result = download(context)

    When left, it records that the run completed, or failed with the exception that leaves.
    """

    async def __aenter__(self) -> Self:
        if "_context" in self.__dict__:
            raise UsageError(
                f"the recorder of {self.saga_id!r} has begun already; use its step() as it is, "
                "without another `async with recorder`"
            )
        self._context: Mapping[str, Any] = {}
        self._results: dict[str, Any] = {}
        self._completed: list[str] = []
        self._failed_step: str | None = None
        self._forced_failure: str | None = None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                await self._take("completed", self._context)
            finally:
                await self.finish("completed")
            return
        # The exception that leaves counts for more than one of its recording.
        with suppress(RunRefusedError, SnapshotCaptureError):
            await self._take(
                "failed", self._context, step_name=self._failed_step, error=describe_error(error)
            )
        await self.finish("failed")

    def go_on_from(
        self,
        context: Mapping[str, Any],
        results: Mapping[str, Any],
        completed_steps: Sequence[str],
        force_failure: str | None = None,
    ) -> None:
        """Begin, once entered, where an earlier run had come to.

        Args:
            context: the data as it is then.
            results: what the steps until then have returned, by name.
            completed_steps: those steps, in order of completion.
            force_failure: the step that fails as soon as it begins.
        """
        self._context = context
        self._results = dict(results)
        self._completed = list(completed_steps)
        self._forced_failure = force_failure

    @property
    def context(self) -> Mapping[str, Any]:
        """The context as it was given last."""
        return self._context

    @property
    def results(self) -> dict[str, Any]:
        """What the complete steps have returned, by name."""
        return dict(self._results)

    @property
    def completed_steps(self) -> tuple[str, ...]:
        """The steps that are complete, in order of completion."""
        return tuple(self._completed)

    @property
    def failed_step(self) -> str | None:
        """The step that failed last, if one has."""
        return self._failed_step

    @asynccontextmanager
    async def step(self, name: str, context: Mapping[str, Any]) -> AsyncIterator[RecordedStep]:
        """Record what is done inside as the step ``name``, which may change ``context``.

        Raises:
            RunRefusedError: before the step: this run must not go on.
            ForcedFailureError: a replay asks for its failure.
            SnapshotCaptureError: as :meth:`checkpoint`.
        """
        await self._take("before_step", context, step_name=name)
        step = RecordedStep(name)
        started_at, clock = utc_now(), perf_counter()
        try:
            if name == self._forced_failure:
                raise ForcedFailureError(f"the failure of step {name!r} was asked for")
            yield step
        except BaseException as error:
            described = describe_error(error)
            cancelled = isinstance(error, asyncio.CancelledError)
            attempt = Attempt(1, started_at, perf_counter() - clock, described)
            self.note_step(StepRecord(name, "cancelled" if cancelled else "failed", (attempt,)))
            self._failed_step = name
            with suppress(RunRefusedError, SnapshotCaptureError):
                await self._take(
                    "step_failed", context, step_name=name, error=described, attempts=1
                )
            raise
        attempt = Attempt(1, started_at, perf_counter() - clock)
        self.note_step(StepRecord(name, "completed", (attempt,)))
        if step.result is not MISSING:
            self._results[name] = step.result
        self._completed.append(name)
        await self._take("after_step", context, step_name=name, attempts=1)

    async def _take(
        self,
        kind: Kind,
        context: Mapping[str, Any],
        *,
        step_name: str | None = None,
        error: StepError | None = None,
        attempts: int = 0,
    ) -> None:
        self._context = context
        await self.checkpoint(
            kind,
            context,
            results=self._results,
            step_name=step_name,
            completed_steps=self._completed,
            error=error,
            attempts=attempts,
        )
        if self.refusal is not None:
            # Found out by a beat, or raised before and swallowed.
            raise self.refusal
