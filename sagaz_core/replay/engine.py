"""Replaying a program that has an engine of its own, or none: it is told where to go on."""

from __future__ import annotations

import inspect
import os
from typing import Any, Protocol, runtime_checkable

from sagaz_core.config import RECORDING_BY_DEFAULT, SagaConfig
from sagaz_core.errors import StoreLostError
from sagaz_core.model import RunInfo, SagaResult
from sagaz_core.process import host_name
from sagaz_core.saga.copying import copy_mapping
from sagaz_core.saga.origin import RecordedAs
from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.saga.resumed_run import Resumption
from sagaz_core.saga.start import StartPoint


@runtime_checkable
class Engine(Protocol):
    """What a saga factory may return in place of a Saga: anything with this method."""

    async def resume(self, context: dict[str, Any], from_step: str, recorder: SagaRecorder) -> Any:
        """Run ``from_step`` and what comes after it.

        Args:
            context: the data to go on with, its own to change.
            from_step: the first step that is to run; those before it are complete, and what
                they returned is in ``recorder.results``.
            recorder: records the new run, and has begun: each step is done within ``async with
                recorder.step(name, context)``. It raises where the run must not go on.

        Whatever it raises makes the replay a failed one. What it returns is not looked at.
        """


class EngineCode:
    """An engine, with what a replay asks of a saga's code."""

    context_model = None

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config = SagaConfig()

    async def execute_from(
        self,
        start: StartPoint,
        recorded_as: RecordedAs,
    ) -> SagaResult:
        """Run the rest as a new saga; as :meth:`Saga.execute_from`."""
        assert recorded_as.origin.parent_id is not None
        assert start.from_step is not None
        recorder = await _recorder(recorded_as, start, like=recorded_as.origin.parent_id)
        return await self._run(recorder, start, start.from_step)

    async def execute_resumed(
        self,
        resumption: Resumption,
        recorded_as: RecordedAs,
    ) -> SagaResult:
        """Run the rest of an interrupted saga; as :meth:`Saga.execute_resumed`."""
        start = resumption.start
        recorder = await _recorder(recorded_as, start, like=recorded_as.saga_id)
        await recorder.checkpoint(
            "manual",
            start.context,
            results=start.results,
            completed_steps=start.complete,
            label=resumption.label,
        )
        return await self._run(recorder, start, resumption.in_flight[0])

    async def _run(self, recorder: SagaRecorder, start: StartPoint, from_step: str) -> SagaResult:
        context = copy_mapping(start.context)
        error: Exception | None = None
        try:
            async with recorder:
                recorder.go_on_from(context, start.results, start.complete, start.force_failure)
                await self.engine.resume(context, from_step, recorder)
        except Exception as raised:  # noqa: BLE001 - whatever the engine raises
            lost = recorder.out_of_reach
            error = raised if lost is None else StoreLostError(str(lost))
        return SagaResult(
            saga_id=recorder.saga_id,
            status="completed" if error is None else "failed",
            error=error,
            failed_step=None if error is None else recorder.failed_step,
            context=dict(recorder.context),
            results=recorder.results,
            completed_steps=list(recorder.completed_steps),
            capture_errors=recorder.capture_errors,
        )


def is_engine(made: Any) -> bool:
    """Whether this has the one method that an engine needs."""
    return inspect.iscoroutinefunction(getattr(made, "resume", None))


async def _recorder(recorded_as: RecordedAs, start: StartPoint, *, like: str) -> SagaRecorder:
    """Return the recorder of a run, called as the saga ``like`` is."""
    called = await recorded_as.storage.get_saga(like)
    replay_config = recorded_as.config.replay_config or RECORDING_BY_DEFAULT
    return SagaRecorder(
        recorded_as.storage,
        saga_name=called.saga_name if called else "",
        saga_id=recorded_as.saga_id,
        config=replay_config,
        run=RunInfo(
            host=host_name(),
            pid=os.getpid(),
            origins=dict(start.origins),
            kept=start.kept,
            strategy=replay_config.snapshot_strategy,
        ),
        origin=recorded_as.origin,
    )
