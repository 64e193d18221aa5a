"""The recording of one run's state: asked at every moment, also of a run that is not recorded."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Iterable
from typing import Any

from sagaz_core.errors import RunRefusedError, SnapshotCaptureError
from sagaz_core.model import Compensation, Kind, Status, StepError, StepRecord
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.obstacle import Obstacle, find_obstacle
from sagaz_core.saga.recording import Recording
from sagaz_core.saga.run_state import RunState

_log = logging.getLogger("sagaz")


async def _not_recorded() -> bool:
    return False


class RunRecording:
    """Takes checkpoints of a run's state.

    Args:
        recording: where they are recorded; None: nowhere, and all of this does nothing.
    """

    __slots__ = ("_recording", "_saga_id", "_state")

    def __init__(self, saga_id: str, state: RunState, recording: Recording | None) -> None:
        self._saga_id = saga_id
        self._state = state
        self._recording = recording

    @property
    def refusal(self) -> RunRefusedError | None:
        """Why this run must not go on, once the store has refused it."""
        return None if self._recording is None else self._recording.refusal

    @property
    def capture_errors(self) -> int:
        """What could not be recorded, so far."""
        return 0 if self._recording is None else self._recording.capture_errors

    def take(
        self,
        kind: Kind,
        step_name: str | None = None,
        *,
        context: dict[str, Any] | None = None,
        error: StepError | None = None,
        attempts: int = 0,
        label: str | None = None,
    ) -> Awaitable[bool]:
        """Take a checkpoint as :meth:`Recording.checkpoint` does, of the state as it is now.

        Args:
            context: what stands in for the state's own.
        """
        if self._recording is None:
            return _not_recorded()
        state = self._state
        return self._recording.checkpoint(
            kind,
            state.context if context is None else context,
            results=state.results,
            step_name=step_name,
            status="compensating" if kind == "manual" and state.rolling_back else None,
            completed_steps=state.completed,
            running_steps=state.running,
            compensated_steps=state.compensated,
            compensation=state.compensation,
            error=error,
            attempts=attempts,
            label=label,
        )

    async def take_if_possible(
        self,
        kind: Kind,
        step_name: str | None,
        *,
        error: StepError | None = None,
        attempts: int = 0,
    ) -> None:
        """Take one on the way back, where nothing may keep the rest from being undone."""
        try:
            await self.take(kind, step_name, error=error, attempts=attempts)
        except (RunRefusedError, SnapshotCaptureError, CancelledError) as failure:
            _log.warning("saga %r: %s was not recorded: %s", self._saga_id, kind, failure)

    async def take_within(self, viewer: StepContext, label: str | None) -> bool:
        """Take one of the state as the action that was given ``viewer`` sees it."""
        state = self._state.context
        changed, removed = viewer.changed(), viewer.removed()
        if changed or removed:
            state = {**state, **changed}
            for key in removed:
                state.pop(key, None)
        self.note_changes(viewer.step, (*changed, *removed))
        try:
            return await self.take("manual", viewer.step, context=state, label=label)
        finally:
            # If the attempt fails its changes are gone again: by this step too.
            self.note_changes(viewer.step, (*changed, *removed))

    def note_changes(self, step_name: str, keys: Iterable[str]) -> None:
        """Say which step has set or removed ``keys`` since the latest checkpoint."""
        if self._recording is not None:
            self._recording.note_changes(step_name, keys)

    def note_step(self, record: StepRecord) -> None:
        """Say how a step ended; the next checkpoint carries it."""
        if self._recording is not None:
            self._recording.note_step(record)

    def note_left(self, context: StepContext) -> None:
        """Note what a call that failed had set: its error may tell of it."""
        if self._recording is not None:
            self._recording.note_left(self._state.context, self._state.results, context.changed)

    def strike(self, text: str) -> str:
        """Return a text without the secrets that this run has had."""
        return text if self._recording is None else self._recording.strike(text)

    async def check_lease(self) -> None:
        """Find out whether the lease is lost, if the process has stood still for its term."""
        if self._recording is not None:
            await self._recording.check_lease()

    def obstacle(self, *, resumable: bool) -> Obstacle | None:
        """Return why nothing may be undone now, as :func:`find_obstacle` does."""
        return find_obstacle(self._recording, resumable=resumable)

    async def finish(self, status: Status, compensation: Compensation) -> None:
        """End the recording where no checkpoint said so."""
        if self._recording is not None:
            await self._recording.finish(status, compensation)

    def stop(self) -> None:
        """Give no sign of life any more."""
        if self._recording is not None:
            self._recording.stop()
