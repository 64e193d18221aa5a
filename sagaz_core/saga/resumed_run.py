"""An interrupted execution gone on with: forward from where it stopped, or on its way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sagaz_core.model import Compensation, SagaResult, StepRecord
from sagaz_core.saga.attempts import Ending
from sagaz_core.saga.copying import copy_mapping
from sagaz_core.saga.recorded_failure import RecordedFailureError
from sagaz_core.saga.recording import Recording
from sagaz_core.saga.run import Run
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """How far a run had come on its way back when it was interrupted."""

    error: RecordedFailureError
    failed_step: str | None
    undo: tuple[str, ...]
    """The steps that are left to compensate, in order of completion."""
    undone: tuple[str, ...] = ()
    """The steps whose compensation has ended well, in that order."""
    compensation: Compensation = "none"


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """What an interrupted run goes on with, as the same saga."""

    start: StartPoint
    label: str
    """What the checkpoint is called that tells of it."""
    in_flight: tuple[str, ...] = ()
    """Steps that were begun and run again. On the way back they do so before anything is undone,
    as the run would have let them end."""
    rollback: Rollback | None = None
    """None: the run was on its way forward."""
    discarded: Mapping[str, str] = field(default_factory=dict)
    """Keys that a step which was cut short had set by the latest checkpoint, with that step."""


class ResumedRun(Run):
    """The rest of a run."""

    def __init__(
        self,
        saga_id: str,
        steps: Sequence[Step],
        recording: Recording | None,
        resumption: Resumption,
    ) -> None:
        """Prepare to go on."""
        start, rollback = resumption.start, resumption.rollback
        super().__init__(saga_id, steps, copy_mapping(start.context), recording, start)
        self._label = resumption.label
        self._discarded = resumption.discarded
        self._in_flight = [self._steps[name] for name in resumption.in_flight]
        self._ended: set[str] = set()
        """Steps in flight of which it is known how they ended."""
        self._rollback = rollback
        if rollback is not None:
            state = self._state
            state.undo = [self._steps[name] for name in rollback.undo]
            state.compensated = list(rollback.undone)
            state.compensation = rollback.compensation

    async def execute(self) -> SagaResult:
        """Run to the end and return how it went.

        Raises:
            RunRefusedError: another run has taken over before this one began.
            SnapshotCaptureError: that it goes on could not be recorded: nothing has run.
            asyncio.CancelledError: the current task was cancelled; what was done is undone.
        """
        await self._tell_of_resumption()
        return await super().execute()

    async def _tell_of_resumption(self) -> None:
        state = self._state
        for key, step_name in self._discarded.items():
            self._recording.note_changes(step_name, (key,))
        state.rolling_back = self._rollback is not None and not self._in_flight
        state.running = {step.name: None for step in self._in_flight}
        await self._recording.take("manual", label=self._label)
        state.running.clear()

    async def _go_forward(self) -> None:
        if self._rollback is None:
            await super()._go_forward()
            return
        try:
            for step in self._in_flight:
                await self._run_in_order([step])
                if self._cancelled:
                    break
        finally:
            # The first reason counts, whatever has failed since.
            self._error, self._failed_step = self._rollback.error, self._rollback.failed_step

    def _was_begun_before(self, step: Step) -> bool:
        return step in self._in_flight

    async def _note_failure(self, step: Step, ending: Ending) -> None:
        self._ended.add(step.name)
        await super()._note_failure(step, ending)

    async def _settle(self) -> None:
        if self._error is not None:
            self._ended.update(self._state.completed)
            for step in self._in_flight:
                if step.name not in self._ended:
                    # It was not come to: whether it happened before stays unknown.
                    self._recording.note_step(StepRecord(step.name, "cancelled"))
        await super()._settle()
