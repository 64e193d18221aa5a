"""When to take a checkpoint, and what to do when that fails."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sagaz_core.config import RECORDING_BY_DEFAULT, ReplayConfig
from sagaz_core.errors import LeaseLostError, RunRefusedError, SnapshotCaptureError
from sagaz_core.model import (
    Compensation,
    Kind,
    RunInfo,
    Status,
    StepError,
    StepRecord,
    new_id,
)
from sagaz_core.process import host_name
from sagaz_core.saga.backlog import Backlog, Taken
from sagaz_core.saga.heartbeat import Heartbeat
from sagaz_core.saga.origin import Origin, make_writer
from sagaz_core.saga.strategies import BEFORE_CALLS, ENDS, ENDS_BACKLOG, STATUS, TAKEN
from sagaz_core.storage.capture import Capture, detach
from sagaz_core.storage.snapshot_ids import SnapshotIds
from sagaz_core.storage.times import DAY, now_micros

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

LEASE_TERM: Final = 30.0
"""Seconds after which a run that gave no sign of life has lost its family's lease."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Recording:
    """Records one run, checkpoint by checkpoint, into a storage.

    What it takes is decided by the configuration's strategy: :meth:`checkpoint` is offered every
    moment and takes those that are wanted.
    """

    def __init__(
        self,
        storage: SnapshotStorage,
        *,
        saga_name: str,
        saga_id: str | None = None,
        config: ReplayConfig = RECORDING_BY_DEFAULT,
        run: RunInfo | None = None,
        tags: Mapping[str, str] = _NOTHING,
        origin: Origin | None = None,
        every_step_end: bool = False,
        told_of_changes: bool = False,
    ) -> None:
        """Prepare to record a run; nothing is written yet.

        Args:
            saga_id: the run's id; one is made up if None. An id that is in the store already is
                refused with the first checkpoint.
            run: what is recorded once, with the first checkpoint.
            origin: None: the run is a saga of its own, and takes its family's lease.
            every_step_end: take ``after_step`` too, as a graph needs, where steps end in an
                order of their own.
            told_of_changes: every key that changes between two checkpoints is named with
                :meth:`note_changes`; others need not be looked at.

        Raises:
            InvalidSagaIdError: ``saga_id`` is not usable as one.
        """
        self.saga_id = new_id() if saga_id is None else saga_id
        self.saga_name = saga_name
        self.capture_errors = 0
        """Values that could not be stored and checkpoints that could not be written, so far."""
        self._config = config
        days = config.retention_days
        self._kept_for = None if days is None else round(days * DAY)
        self._told_of_changes = told_of_changes
        self._ids = SnapshotIds()
        self._kinds = TAKEN[config.snapshot_strategy]
        if every_step_end and "before_step" in self._kinds:
            self._kinds |= {"after_step"}
        self._run: RunInfo | None = run or RunInfo(
            host=host_name(), pid=os.getpid(), strategy=config.snapshot_strategy
        )
        self._found = frozenset(self._run.origins)
        """Steps that another run of the family has done."""
        self._indexes = {step.name: index for index, step in enumerate(self._run.steps)}
        self._has_lease = origin is not None
        self._lease = origin.lease if origin else None
        self._writer = make_writer(
            storage, self.saga_id, saga_name, self._run, tags=tags, origin=origin, term=LEASE_TERM
        )
        self._heartbeat = Heartbeat(self._writer, LEASE_TERM, self._note_lease_lost)
        self._backlog = Backlog() if config.snapshot_strategy == "on_failure" else None
        self._turn = asyncio.Lock()
        self._latest: Capture | None = None
        self._unstorable: set[tuple[str, str]] = set()
        self._causes: dict[str, str | None] = {}
        self._ended_steps: list[StepRecord] = []
        self._gap = 0
        self._written = False
        self._end_written = False
        self.refusal: RunRefusedError | None = None
        """Why this run must not go on, once the store has refused it."""
        self.out_of_reach: SnapshotCaptureError | None = None
        """Why the latest checkpoint could not be written, of a run that must be recorded."""

    # -- what happened since the latest checkpoint

    def note_changes(self, step_name: str | None, keys: Iterable[str]) -> None:
        """Say which step has set or removed ``keys`` since the latest checkpoint."""
        for key in keys:
            self._causes[key] = step_name

    def note_step(self, record: StepRecord) -> None:
        """Say how a step ended; the next checkpoint carries it."""
        self._ended_steps.append(record)

    def note_left(
        self,
        context: Mapping[str, Any],
        results: Mapping[str, Any],
        changed: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Say what a call that failed was given and had set, of which its error may tell.

        Not every strategy has a checkpoint that holds it, and none has what it had set.
        """
        striker = self._writer.striker
        if striker is not None:
            # A comparison of somebody's values may raise anything; the call's own error counts.
            with suppress(Exception):
                striker.learn(detach(context, results))
                striker.learn(detach(changed(), {}))

    def strike(self, text: str) -> str:
        """Return a text without the secrets that this run has had."""
        striker = self._writer.striker
        return text if striker is None else striker.strike(text)

    # -- whether the run may go on

    @property
    def held_lease(self) -> bool:
        """Whether this run has ever acted under a lease, which it can have lost since."""
        return self._written or self._has_lease

    async def check_lease(self) -> None:
        """Find out whether the lease is lost, if the process has stood still for its term."""
        await self._heartbeat.catch_up()

    def _note_lease_lost(self) -> None:
        self.refusal = LeaseLostError(
            f"saga {self.saga_id!r} has lost its lease: another run of its family has taken over; "
            "look at the family's latest run"
        )

    # -- taking checkpoints

    async def checkpoint(
        self,
        kind: Kind,
        context: Mapping[str, Any],
        *,
        results: Mapping[str, Any] = _NOTHING,
        step_name: str | None = None,
        status: Status | None = None,
        completed_steps: Sequence[str] = (),
        running_steps: Iterable[str] = (),
        compensated_steps: Sequence[str] = (),
        compensation: Compensation = "none",
        error: StepError | None = None,
        attempts: int = 0,
        label: str | None = None,
    ) -> bool:
        """Take a checkpoint of the state given, if the strategy wants one of this kind.

        The state is captured before anything is awaited; when this returns True it is stored
        durably, or, with ``on_failure``, kept until a step fails.

        Raises:
            RunRefusedError: the store refused the write: the run must not go on. Raised once;
                afterwards nothing more is recorded.
            SnapshotCaptureError: with ``on_capture_error="raise"``: something could not be
                recorded.
        """
        if kind not in self._kinds or self.refusal is not None:
            if kind in BEFORE_CALLS:
                await self.check_lease()
            return False
        ended_steps, self._ended_steps = self._ended_steps, []
        causes, self._causes = self._causes, {}
        gap, self._gap = self._gap, 0
        now = now_micros()
        captured = Capture(
            self.saga_name,
            self._ids.next(),
            kind,
            status or STATUS.get(kind, "executing"),
            step_name,
            self._index(step_name),
            now,
            None if self._kept_for is None else now + self._kept_for,
            compensation,
            error,
            attempts,
            label,
            tuple(ended_steps),
            gap,
            tuple(completed_steps),
            tuple(running_steps),
            tuple(compensated_steps),
            *detach(
                context,
                results,
                reuse=self._latest,
                changed=causes if self._told_of_changes else None,
                max_bytes=self._config.max_context_bytes,
            ),
        )
        self._latest = captured
        taken = Taken(captured, causes)
        try:
            self._report_unstorable(captured)
            await self._turn.acquire()
        except (SnapshotCaptureError, asyncio.CancelledError):
            self._carry_over([taken])
            self._gap += 1
            raise
        try:
            kept = await self._keep_or_write(kind, taken)
        finally:
            self._turn.release()
        if kind in BEFORE_CALLS:
            # The answer may have waited while the process stood still.
            await self.check_lease()
        return kept

    def _index(self, step_name: str | None) -> int | None:
        if step_name is None:
            return None
        return self._indexes.setdefault(step_name, len(self._indexes))

    def _report_unstorable(self, captured: Capture) -> None:
        if not captured.errors:
            return
        new = [
            found
            for found in captured.errors
            if (found.path, found.type_name) not in self._unstorable
        ]
        messages = [
            f"saga {self.saga_id!r}: the value at {found.path} cannot be recorded: "
            f"{found.type_name} {found.reason}; keep plain data in the context"
            for found in new
        ]
        self._unstorable.update((found.path, found.type_name) for found in new)
        self.capture_errors += len(new)
        if new and self._config.on_capture_error == "raise":
            # All are known from now on: the way back is recorded, with markers in their places.
            raise SnapshotCaptureError(messages[0], new[0].path)
        for message in messages:
            _log.warning("%s", message)

    async def _keep_or_write(self, kind: Kind, taken: Taken) -> bool:
        if self._backlog is None:
            return await self._write(taken)
        if kind == "completed":
            self._backlog = None
            return False
        self._backlog.add(taken)
        if kind not in ENDS_BACKLOG:
            return True
        backlog, self._backlog = self._backlog, None
        return await self._write_backlog(backlog)

    async def _write_backlog(self, backlog: Backlog) -> bool:
        waiting = backlog.drain()
        for taken in waiting:
            # A store that is out of reach must not hold up the compensations with each of them.
            if not await self._write(taken, behind=waiting):
                return False
        return True

    async def _write(self, taken: Taken, behind: Iterable[Taken] = ()) -> bool:
        """Write a checkpoint; where that fails, those ``behind`` it are given up with it."""
        end = taken.capture.kind in ENDS
        if end:
            # A beat that comes after the lease was given back would take it for lost.
            self._heartbeat.stop()
        asked = asyncio.get_running_loop().time()
        try:
            await self._writer.append(
                taken.capture,
                causes=taken.causes,
                run=self._run,
                release=end,
                undoes=(
                    taken.capture.kind == "before_compensation"
                    and taken.capture.step_name in self._found
                ),
            )
        except asyncio.CancelledError:
            # It may be stored all the same; what it told is told once more to be sure.
            self._carry_over([taken, *behind])
            raise
        except RunRefusedError as refusal:
            self.refusal = refusal
            raise
        except Exception as error:
            # Whatever a store's driver raises: a failing recording is no failing saga.
            lost = [taken, *behind]
            self._carry_over(lost)
            self._gap += len(lost)
            self.capture_errors += len(lost)
            message = f"saga {self.saga_id!r}: a checkpoint could not be written: {error}"
            if self._config.on_capture_error == "raise":
                self.out_of_reach = SnapshotCaptureError(message)
                raise self.out_of_reach from error
            _log.warning("%s", message)
            return False
        self.out_of_reach = None
        self._run = None
        self._written = True
        self._end_written = end
        if not end:
            self._heartbeat.start(asked)
        elif self._lease is not None:
            self._lease.note_given_back()
        return True

    def _carry_over(self, unwritten: Sequence[Taken]) -> None:
        """Let the next checkpoint tell what these would have told."""
        records: list[StepRecord] = []
        causes: dict[str, str | None] = {}
        for taken in unwritten:
            records += taken.capture.step_records
            causes.update(taken.causes)
            self._gap += taken.capture.gap
        self._ended_steps = records + self._ended_steps
        self._causes = causes | self._causes

    # -- the end

    async def finish(self, status: Status, compensation: Compensation = "none") -> None:
        """End the run's recording where no checkpoint said so; gives the lease back.

        Changes nothing if the end is recorded already, or nothing ever was.
        """
        self._heartbeat.stop()
        if self._end_written or not self.held_lease or self.refusal is not None:
            return
        try:
            await self._writer.finish(status, compensation)
        except Exception as error:  # noqa: BLE001 - see _write
            self.capture_errors += 1
            _log.warning(
                "saga %r has %s, which could not be recorded: %s; its store takes it for "
                "interrupted: do not resume it",
                self.saga_id,
                status,
                error,
            )

    def stop(self) -> None:
        """Stop at once, without writing: the lease is left to lapse."""
        self._heartbeat.stop()
