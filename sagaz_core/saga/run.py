"""One execution of a saga: forward step by step, and back again when a step fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from typing import Any, Final

from sagaz_core.errors import RunRefusedError, RunStoppedError, SnapshotCaptureError, StoreLostError
from sagaz_core.model import Compensation, Kind, SagaResult, StepError
from sagaz_core.saga.attempts import Attempts, Ending, current_context
from sagaz_core.saga.branches import Branches
from sagaz_core.saga.calling import call, describe_error
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.copying import copy_value
from sagaz_core.saga.graph import StepGraph, is_graph
from sagaz_core.saga.obstacle import Obstacle, find_obstacle, left_undone
from sagaz_core.saga.recording import Recording
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step

_log = logging.getLogger("sagaz")


async def _not_recorded() -> bool:
    return False


_BEGINNING: Final = StartPoint(context={}, results={}, restored=(), from_step=None)


class Run:
    """The state of a saga while it runs, and what moves it on.

    Values of the context and results are never changed in place, only replaced: whoever holds a
    shallow copy holds the state of that moment.
    """

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
        self._recording = recording
        self._start = start
        self._context = context
        self._results = {
            name: start.results[name] for name in start.complete if name in start.results
        }
        self._completed = list(start.complete)
        self._running: dict[str, None] = {}
        self._undo = [
            self._steps[name] for name in start.compensable if self._steps[name].compensation
        ]
        """What to compensate on failure, in order of completion."""
        self._compensated: list[str] = []
        self._compensation: Compensation = "none"
        self._rolling_back = False
        self._settling = False
        self._error: BaseException | None = None
        self._failed_step: str | None = None
        self._cancelled = False
        self._merges = 0
        self._merged: dict[str, int] = {}
        """For each key the number of the merge that changed it last."""

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
            if self._recording is not None:
                self._recording.stop()
        if self._cancelled:
            raise asyncio.CancelledError
        return SagaResult(
            saga_id=self._saga_id,
            status="failed" if self._error else "stopped" if self._start.unknown else "completed",
            error=self._error,
            failed_step=self._failed_step,
            compensation=self._compensation,
            context=self._context,
            results=self._results,
            completed_steps=self._completed,
            compensated_steps=self._compensated,
            capture_errors=0 if self._recording is None else self._recording.capture_errors,
        )

    def stop(self) -> bool:
        """Let the steps under way end, and then undo what was done; False: it ends already."""
        if self._settling or self._error is not None:
            return False
        self._fail(RunStoppedError("asked to stop after the steps under way"))
        return True

    async def checkpoint(self, label: str | None) -> bool:
        """Record the state as the action that calls this sees it; False: nothing is recorded."""
        if self._recording is None:
            return False
        state, viewer = self._context, current_context.get()
        if viewer is None or not self._is_live(viewer):
            return await self._record("manual", label=label)
        changed, removed = viewer.changed(), viewer.removed()
        if changed or removed:
            state = {**state, **changed}
            for key in removed:
                state.pop(key, None)
        self._recording.note_changes(viewer.step, (*changed, *removed))
        try:
            return await self._record("manual", viewer.step, context=state, label=label)
        finally:
            # If the attempt fails its changes are gone again: by this step too.
            self._recording.note_changes(viewer.step, (*changed, *removed))

    def _is_live(self, viewer: StepContext) -> bool:
        here = viewer.saga_id == self._saga_id
        return here and (self._rolling_back or viewer.step in self._running)

    # -- forward

    async def _go_forward(self) -> None:
        unknown = self._start.unknown
        first = [self._steps[name] for name in self._start.redo if name not in unknown]
        await self._run_in_order(first)
        if self._error is not None:
            return
        rest = [step for step in self._order if step.name not in unknown]
        done = set(self._completed)
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
        seen = self._merges
        context, results = self._context, self._results
        if self._graph:
            context, results = dict(context), dict(results)
        await self._record("before_step", step.name)
        self._stop_if_refused()
        if self._error is not None and not self._was_begun_before(step):
            return
        self._running[step.name] = None
        attempts = Attempts(
            step,
            context,
            results,
            saga_id=self._saga_id,
            steps=self._names,
            forced_failure=step.name == self._start.force_failure,
            on_failed=self._note_left,
        )
        try:
            ending = await attempts.run(self._may_try_again)
        finally:
            del self._running[step.name]
        if ending.error is None:
            await self._complete(step, ending, seen)
        else:
            self._fail(ending.error, step.name)
            await self._uninterrupted(self._note_failure(step, ending))

    def _was_begun_before(self, _step: Step) -> bool:
        """Whether a step may have happened before this run: it is not passed over then."""
        return False

    async def _may_try_again(self) -> bool:
        if self._recording is not None:
            await self._recording.check_lease()
            if self._recording.refusal is not None:
                return False
        return self._error is None

    async def _complete(self, step: Step, ending: Ending, seen: int) -> None:
        keys = (*ending.changed, *ending.removed)
        conflicts = tuple(key for key in keys if self._merged.get(key, 0) > seen)
        self._merge(step, ending.changed, ending.removed)
        if ending.result is not None:
            self._results[step.name] = ending.result
        self._completed.append(step.name)
        if step.compensation is not None:
            self._undo.append(step)
        if self._recording is not None:
            if ending.result is not None:
                self._recording.note_changes(step.name, (step.name,))
            self._recording.note_step(ending.record(step.name, conflicts))
            await self._record("after_step", step.name, attempts=len(ending.attempts))

    def _merge(self, step: Step, changed: Mapping[str, Any], removed: frozenset[str]) -> None:
        self._merges += 1
        self._context.update(changed)
        for key in removed:
            self._context.pop(key, None)
        keys = (*changed, *removed)
        for key in keys:
            self._merged[key] = self._merges
        if self._recording is not None:
            self._recording.note_changes(step.name, keys)

    # -- failing

    def _note_left(self, context: StepContext) -> None:
        """Note what a call that failed had set: its error may tell of it."""
        if self._recording is not None:
            self._recording.note_left(self._context, self._results, context.changed)

    def _fail(self, error: BaseException, step_name: str | None = None) -> None:
        """Note why the run fails; what comes after the first reason changes nothing."""
        if self._error is None:
            self._error = error
            self._failed_step = step_name

    async def _note_failure(self, step: Step, ending: Ending) -> None:
        in_doubt = ending.outcome == "timed_out"
        if in_doubt and step.compensate_on_timeout and step.compensation is not None:
            self._undo.append(step)
        if self._recording is not None:
            self._recording.note_step(ending.record(step.name))
            await self._record_if_possible(
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
            await self._record_if_possible(
                "failed", self._failed_step, error=describe_error(self._error)
            )
        elif self._start.unknown:
            return
        if self._recording is not None:
            await self._recording.finish(
                "completed" if self._error is None else "failed", self._compensation
            )

    async def _record_end(self) -> None:
        if self._start.unknown:
            label = f"nothing is known from step {self._start.unknown[0]} on"
            await self._record("manual", label=label)
        else:
            await self._record("completed")

    async def _roll_back(self) -> None:
        self._rolling_back = True
        so_far = self._compensation
        if self._undo and self._compensation == "none":
            self._compensation = "completed"
        for left in range(len(self._undo), 0, -1):
            step = self._undo[left - 1]
            await self._record_if_possible("before_compensation", step.name)
            obstacle = self._obstacle()
            if obstacle is not None:
                stopped = isinstance(obstacle, StoreLostError) and not self._compensated
                self._compensation = so_far if stopped else "failed"
                self._error = left_undone(obstacle, self._undo[:left], self._error)
                return
            await self._compensate(step)

    def _obstacle(self) -> Obstacle | None:
        return find_obstacle(self._recording, resumable=self._start is not _BEGINNING)

    async def _compensate(self, step: Step) -> None:
        assert step.compensation is not None
        context = StepContext(
            self._context,
            self._results,
            saga_id=self._saga_id,
            step=step.name,
            steps=self._names,
        )
        token = current_context.set(context)
        try:
            await call(step.compensation, copy_value(self._results.get(step.name)), context)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - people's code
            self._note_left(context)
            told = repr(error) if self._recording is None else self._recording.strike(repr(error))
            _log.warning("saga %r: step %r could not be undone: %s", self._saga_id, step.name, told)
            self._compensation = "failed"
            await self._record_if_possible(
                "compensation_failed", step.name, error=describe_error(error)
            )
        else:
            self._merge(step, context.changed(), context.removed())
            self._compensated.append(step.name)
            await self._record_if_possible("after_compensation", step.name)
        finally:
            current_context.reset(token)

    def _stop_if_refused(self) -> None:
        if self._recording is not None and self._recording.refusal is not None:
            raise self._recording.refusal

    # -- recording

    def _record(
        self,
        kind: Kind,
        step_name: str | None = None,
        *,
        context: dict[str, Any] | None = None,
        error: StepError | None = None,
        attempts: int = 0,
        label: str | None = None,
    ) -> Awaitable[bool]:
        recording = self._recording
        if recording is None:
            return _not_recorded()
        return recording.checkpoint(
            kind,
            self._context if context is None else context,
            results=self._results,
            step_name=step_name,
            status="compensating" if kind == "manual" and self._rolling_back else None,
            completed_steps=self._completed,
            running_steps=self._running,
            compensated_steps=self._compensated,
            compensation=self._compensation,
            error=error,
            attempts=attempts,
            label=label,
        )

    async def _record_if_possible(
        self,
        kind: Kind,
        step_name: str | None,
        *,
        error: StepError | None = None,
        attempts: int = 0,
    ) -> None:
        """Record on the way back, where nothing may keep the rest from being undone."""
        try:
            await self._record(kind, step_name, error=error, attempts=attempts)
        except (RunRefusedError, SnapshotCaptureError, asyncio.CancelledError) as failure:
            _log.warning("saga %r: %s was not recorded: %s", self._saga_id, kind, failure)

    async def _uninterrupted(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` to its end, and remember whether somebody asked to stop meanwhile."""
        task = asyncio.create_task(work)
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                self._cancelled = True
        task.result()
