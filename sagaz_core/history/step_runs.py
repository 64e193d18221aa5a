"""What became of each step of a run, told by its timeline; no context is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from sagaz_core.model import (
    CheckpointSummary,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
    StepError,
    StepRecord,
)
from sagaz_core.storage.reader import StoreReader

PAGE: Final = 500
"""So many rows are made at a time, so that whoever shares the event loop gets on."""

StepRunOutcome = Literal[
    "completed",
    "failed",
    "timed_out",
    "cancelled",
    "restored",
    "restored_in_name",
    "unfinished",
    "not_reached",
]
"""``restored_in_name``: undone before and not run again. ``unfinished``: begun, and no end was
recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step in one run."""

    name: str
    outcome: StepRunOutcome
    attempts: int = 0
    """0: not known, or none."""
    duration: float | None = None
    """Seconds spent in all attempts together; None: not known, or none."""
    error: StepError | None = None
    """Of its last attempt."""
    undone: bool = False
    """Whether its compensation has ended well in this run."""
    origin: str | None = None
    """For a restored step, the id of the saga in which it really ran."""
    sequence: int | None = None
    """The checkpoint that tells how it ended, else the one at which it began; None: there is
    none."""

    @property
    def restored(self) -> bool:
        """Whether it did not run here: a replay took it over from an earlier run."""
        return self.outcome in ("restored", "restored_in_name")

    @property
    def completed(self) -> bool:
        """Whether it ended well, here or where it was restored from."""
        return self.outcome == "completed" or self.restored


async def read_step_runs(storage: StoreReader, saga: SagaSummary) -> dict[str, StepRun]:
    """Return every step that a run defined or came to, in the order of the definition."""
    run = await storage.get_run(saga.saga_id)
    latest = await storage.get_latest_snapshot(saga.saga_id)
    completed = dict.fromkeys(latest.completed_steps if latest else ())
    names = [step.name for step in run.steps] or list(run.origins)
    runs = {name: _before_any_checkpoint(name, completed) for name in names}
    async for entry in _timeline(storage, saga.saga_id):
        if entry.step_name is not None and entry.step_name not in runs:
            runs[entry.step_name] = _before_any_checkpoint(entry.step_name, completed)
        _apply(entry, runs)
    for name in completed:
        runs.setdefault(name, _before_any_checkpoint(name, completed))
    _mark_restored(run, runs)
    _mark_undone(saga, run, latest, runs)
    return runs


def _before_any_checkpoint(name: str, completed: Container[str]) -> StepRun:
    return StepRun(name=name, outcome="completed" if name in completed else "not_reached")


async def _timeline(storage: StoreReader, saga_id: str) -> AsyncIterator[CheckpointSummary]:
    """Yield the rows of a run by the page: a long one is not held, nor made in one go."""
    last = 0
    while page := await storage.list_checkpoints(saga_id, after=last, limit=PAGE):
        for entry in page:
            yield entry
        last = page[-1].sequence


def _apply(entry: CheckpointSummary, runs: dict[str, StepRun]) -> None:
    for record in entry.step_records:
        runs[record.name] = _recorded(record, entry.sequence)
    name = entry.step_name
    if name is None:
        return
    known = runs[name]
    if entry.kind == "before_step" and known.outcome == "not_reached":
        runs[name] = replace(known, outcome="unfinished", sequence=entry.sequence)
    elif entry.kind == "after_step":
        attempts = entry.attempts or known.attempts
        runs[name] = replace(known, outcome="completed", attempts=attempts, sequence=entry.sequence)
    elif entry.kind == "step_failed":
        # Where steps were recorded in full, the record tells whether it was a timeout.
        outcome = known.outcome if known.outcome in ("timed_out", "cancelled") else "failed"
        runs[name] = replace(
            known,
            outcome=outcome,
            attempts=entry.attempts or known.attempts,
            error=entry.error or known.error,
            sequence=entry.sequence,
        )


def _recorded(record: StepRecord, sequence: int) -> StepRun:
    failed = record.outcome != "completed"
    return StepRun(
        name=record.name,
        outcome=record.outcome,
        attempts=len(record.attempts),
        duration=record.duration if record.attempts else None,
        error=record.attempts[-1].error if record.attempts and failed else None,
        sequence=sequence,
    )


def _mark_restored(run: RunInfo, runs: dict[str, StepRun]) -> None:
    for name, origin in run.origins.items():
        outcome: StepRunOutcome = "restored_in_name" if name in run.kept else "restored"
        runs[name] = StepRun(name=name, outcome=outcome, origin=origin)


def _mark_undone(
    saga: SagaSummary, run: RunInfo, latest: SagaSnapshot | None, runs: dict[str, StepRun]
) -> None:
    undone = set(latest.compensated_steps if latest else ())
    if saga.status == "failed" and saga.compensation == "completed":
        # Where the strategy recorded no compensations, the saga's row tells how they went.
        undone |= _with_compensation(run, latest.completed_steps if latest else ())
    for name in undone & runs.keys():
        runs[name] = replace(runs[name], undone=True)


def _with_compensation(run: RunInfo, completed: Sequence[str]) -> set[str]:
    own = {step.name for step in run.steps if step.compensated} - set(run.kept)
    return own.intersection(completed)
