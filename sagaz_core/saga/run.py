"""One execution of a saga: forward step by step, and back again when a step fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from sagaz_core.errors import RunRefusedError, RunStoppedError, SnapshotCaptureError, StoreLostError
from sagaz_core.model import SagaResult
from sagaz_core.saga.attempts import Attempts, Ending, current_context
from sagaz_core.saga.branches import Branches
from sagaz_core.saga.calling import call, describe_error
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.copying import copy_value
from sagaz_core.saga.graph import StepGraph, is_graph
from sagaz_core.saga.obstacle import Obstacle, left_undone
from sagaz_core.saga.recording import Recording
from sagaz_core.saga.run_recording import RunRecording
from sagaz_core.saga.run_state import RunState
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step

_log = logging.getLogger("sagaz")


_BEGINNING: Final = StartPoint(context={}, results={}, restored=(), from_step=None)


class Run:
    """What moves a saga on: step by step, and back again."""

    def __init__(
        self,
        saga_id: str,
        steps: Sequence[Step],
        context: dict[str, Any],
        recording: Recording | None = None,
        start: StartPoint = _BEGINNING,
    ) -> None:
        """Prepare to run ``steps`` on ``context``, which becomes the run's own."""
        self._saga_id = saga_id
        self._order = steps
        self._steps = {step.name: step for step in steps}
        self._names = frozenset(self._steps)
        self._graph = is_graph(steps)
        self._start = start
        self._state = RunState(context, self._steps, start)
        self._recording = RunRecording(saga_id, self._state, recording)
        self._settling = False
        self._error: BaseException | None = None
        self._failed_step: str | None = None
        self._cancelled = False

    async def execute(self) -> SagaResult:
        """Run to the end and return how it went.

        Raises:
            asyncio.CancelledError: the current task was cancelled; what was done is undone.
        """
        try:
            try:
                await self._go_forward()
            except asyncio.CancelledError as error:
                self._cancelled = True
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - whatever stops it, what was done is undone
                self._fail(error)
            await self._uninterrupted(self._settle())
        finally:
            self._recording.stop()
        if self._cancelled:
            raise asyncio.CancelledError
        state = self._state
        return SagaResult(
            saga_id=self._saga_id,
            status="failed" if self._error else "stopped" if self._start.unknown else "completed",
            error=self._error,
            failed_step=self._failed_step,
            compensation=state.compensation,
            context=state.context,
            results=state.results,
            completed_steps=state.completed,
            compensated_steps=state.compensated,
            capture_errors=self._recording.capture_errors,
        )

    def stop(self) -> bool:
        """Let the steps under way end, and then undo what was done; False: it ends already."""
        if self._settling or self._error is not None:
            return False
        self._fail(RunStoppedError("asked to stop after the steps under way"))
        return True

    async def checkpoint(self, label: str | None) -> bool:
        """Record the state as the action that calls this sees it; False: nothing is recorded."""
        viewer = current_context.get()
        if viewer is None or not self._is_live(viewer):
            return await self._recording.take("manual", label=label)
        return await self._recording.take_within(viewer, label)

    def _is_live(self, viewer: StepContext) -> bool:
        here = viewer.saga_id == self._saga_id
        return here and (self._state.rolling_back or viewer.step in self._state.running)

    # -- forward

    async def _go_forward(self) -> None:
        unknown = self._start.unknown
        first = [self._steps[name] for name in self._start.redo if name not in unknown]
        await self._run_in_order(first)
        if self._error is not None:
            return
        rest = [step for step in self._order if step.name not in unknown]
        done = set(self._state.completed)
        if self._graph:
            await Branches(StepGraph(rest, done), self._perform_branch).run()
        else:
            await self._run_in_order([step for step in rest if step.name not in done])

    async def _run_in_order(self, steps: Sequence[Step]) -> None:
        task = asyncio.current_task()
        asked = task.cancelling() if task else 0
        for step in steps:
            await self._perform(step)
            if task is not None and task.cancelling() > asked:
                self._cancelled = True
                self._fail(asyncio.CancelledError())
            if self._error is not None:
                return

    async def _perform_branch(self, step: Step) -> bool:
        try:
            await self._perform(step)
        except Exception as error:  # noqa: BLE001 - see execute
            self._fail(error)
        return self._error is None

    async def _perform(self, step: Step) -> None:
        seen = self._state.merges
        context, results = self._state.context, self._state.results
        if self._graph:
            context, results = dict(context), dict(results)
        await self._recording.take("before_step", step.name)
        self._stop_if_refused()
        if self._error is not None and not self._was_begun_before(step):
            return
        self._state.running[step.name] = None
        attempts = Attempts(
            step,
            context,
            results,
            saga_id=self._saga_id,
            steps=self._names,
            forced_failure=step.name == self._start.force_failure,
            on_failed=self._recording.note_left,
        )
        try:
            ending = await attempts.run(self._may_try_again)
        finally:
            del self._state.running[step.name]
        if ending.error is None:
            await self._complete(step, ending, seen)
        else:
            self._fail(ending.error, step.name)
            await self._uninterrupted(self._note_failure(step, ending))

    def _was_begun_before(self, _step: Step) -> bool:
        """Whether a step may have happened before this run: it is not passed over then."""
        return False

    async def _may_try_again(self) -> bool:
        await self._recording.check_lease()
        return self._recording.refusal is None and self._error is None

    async def _complete(self, step: Step, ending: Ending, seen: int) -> None:
        state, recording = self._state, self._recording
        keys = (*ending.changed, *ending.removed)
        conflicts = state.changed_since(keys, seen)
        state.merge(ending.changed, ending.removed)
        recording.note_changes(step.name, keys)
        if ending.result is not None:
            state.results[step.name] = ending.result
            recording.note_changes(step.name, (step.name,))
        state.completed.append(step.name)
        if step.compensation is not None:
            state.undo.append(step)
        recording.note_step(ending.record(step.name, conflicts))
        await recording.take("after_step", step.name, attempts=len(ending.attempts))

    # -- failing

    def _fail(self, error: BaseException, step_name: str | None = None) -> None:
        """Note why the run fails; what comes after the first reason changes nothing."""
        if self._error is None:
            self._error = error
            self._failed_step = step_name

    async def _note_failure(self, step: Step, ending: Ending) -> None:
        in_doubt = ending.outcome == "timed_out"
        if in_doubt and step.compensate_on_timeout and step.compensation is not None:
            self._state.undo.append(step)
        self._recording.note_step(ending.record(step.name))
        await self._recording.take_if_possible(
            "step_failed",
            step.name,
            error=ending.attempts[-1].error,
            attempts=len(ending.attempts),
        )

    async def _settle(self) -> None:
        """Bring the run to its end, in a task that nobody cancels."""
        self._settling = True
        if self._error is None:
            try:
                await self._record_end()
                self._stop_if_refused()
            except asyncio.CancelledError:
                _log.warning("saga %r completed, which could not be recorded", self._saga_id)
            except (RunRefusedError, SnapshotCaptureError) as error:
                # Its end may be recorded all the same, though nobody has heard of it.
                self._fail(self._obstacle() or error)
        if self._error is not None:
            if not isinstance(self._error, StoreLostError):
                await self._roll_back()
            if isinstance(self._error, StoreLostError):
                # It is left as one that was interrupted, for which its lease has to lapse.
                return
            await self._recording.take_if_possible(
                "failed", self._failed_step, error=describe_error(self._error)
            )
        elif self._start.unknown:
            return
        await self._recording.finish(
            "completed" if self._error is None else "failed", self._state.compensation
        )

    async def _record_end(self) -> None:
        if self._start.unknown:
            label = f"nothing is known from step {self._start.unknown[0]} on"
            await self._recording.take("manual", label=label)
        else:
            await self._recording.take("completed")

    async def _roll_back(self) -> None:
        state = self._state
        state.rolling_back = True
        so_far = state.compensation
        if state.undo and so_far == "none":
            state.compensation = "completed"
        for left in range(len(state.undo), 0, -1):
            step = state.undo[left - 1]
            await self._recording.take_if_possible("before_compensation", step.name)
            obstacle = self._obstacle()
            if obstacle is not None:
                stopped = isinstance(obstacle, StoreLostError) and not state.compensated
                state.compensation = so_far if stopped else "failed"
                self._error = left_undone(obstacle, state.undo[:left], self._error)
                return
            await self._compensate(step)

    def _obstacle(self) -> Obstacle | None:
        return self._recording.obstacle(resumable=self._start is not _BEGINNING)

    async def _compensate(self, step: Step) -> None:
        assert step.compensation is not None
        state, recording = self._state, self._recording
        context = StepContext(
            state.context,
            state.results,
            saga_id=self._saga_id,
            step=step.name,
            steps=self._names,
        )
        token = current_context.set(context)
        try:
            await call(step.compensation, copy_value(state.results.get(step.name)), context)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - people's code
            recording.note_left(context)
            told = recording.strike(repr(error))
            _log.warning("saga %r: step %r could not be undone: %s", self._saga_id, step.name, told)
            state.compensation = "failed"
            await recording.take_if_possible(
                "compensation_failed", step.name, error=describe_error(error)
            )
        else:
            changed, removed = context.changed(), context.removed()
            state.merge(changed, removed)
            recording.note_changes(step.name, (*changed, *removed))
            state.compensated.append(step.name)
            await recording.take_if_possible("after_compensation", step.name)
        finally:
            current_context.reset(token)

    def _stop_if_refused(self) -> None:
        if self._recording.refusal is not None:
            raise self._recording.refusal

    async def _uninterrupted(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` to its end, and remember whether somebody asked to stop meanwhile."""
        task = asyncio.create_task(work)
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                self._cancelled = True
        task.result()
