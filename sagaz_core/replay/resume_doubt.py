"""What an interrupted run goes on with: what is done, what runs again, what a person must say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from sagaz_core.model import SagaSnapshot
from sagaz_core.replay.fates import InDoubt
from sagaz_core.replay.resume_state import Failure, Interrupted
from sagaz_core.saga.recorded_failure import RecordedFailureError
from sagaz_core.saga.resumed_run import Resumption, Rollback
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What nobody knows of a run but who looks at what it has done in the world."""

    saga_id: str
    steps: tuple[str, ...] = ()
    """Steps that may have happened, and that may not be done twice."""
    undoing: str | None = None
    """The step of which the same holds for its compensation."""

    def __bool__(self) -> bool:
        return bool(self.steps) or self.undoing is not None

    @property
    def question(self) -> str:
        """What to find out, and the choices, in a sentence."""
        if self.undoing is not None:
            what, done, undone = f"undoing {self.undoing!r}", "it is undone", "it still stands"
            subject = "it"
        else:
            names = ", ".join(map(repr, self.steps))
            what, done, undone = names, "it happened", "it did not"
            subject = "it" if len(self.steps) == 1 else "each of them"
        return (
            f"saga {self.saga_id!r} was interrupted while {what} was under way, and whether "
            f"{subject} happened is not known; find out, then choose in_doubt='skip' "
            f"(--in-doubt skip) if {done} or 'retry' if {undone}"
        )


def find_doubt(interrupted: Interrupted, steps: Sequence[Step]) -> Doubt:
    """Return what is in doubt: what was in flight and is not idempotent, then and now."""
    repeatable = _repeatable(interrupted, steps)
    failure = interrupted.failure
    return Doubt(
        saga_id=interrupted.summary.saga_id,
        steps=tuple(name for name in interrupted.in_flight if name not in repeatable),
        undoing=(
            failure.undoing
            if failure is not None and failure.undoing not in (None, *repeatable)
            else None
        ),
    )


def make_resumption(
    interrupted: Interrupted, steps: Sequence[Step], in_doubt: InDoubt | None, by: str
) -> Resumption:
    """Return what a run goes on with.

    Args:
        steps: the saga's steps, which fit what was recorded.
        in_doubt: what is done with what is in doubt; None: there is nothing.
        by: who resumes it.
    """
    skipped = find_doubt(interrupted, steps) if in_doubt == "skip" else Doubt(saga_id="")
    state, run = interrupted.state, interrupted.run
    completed = (*state.completed_steps, *skipped.steps)
    undone = tuple(state.compensated_steps)
    if skipped.undoing is not None:
        undone += (skipped.undoing,)
    start = StartPoint(
        context=state.context,
        results=state.results,
        restored=completed,
        kept=tuple(name for name in run.kept if name in completed),
        redo=tuple(name for name in interrupted.redo if name not in completed),
        from_step=None,
        origins=run.origins,
    )
    failure = interrupted.failure
    return Resumption(
        start=start,
        label=_label(by, skipped),
        in_flight=tuple(name for name in interrupted.in_flight if name not in completed),
        rollback=None if failure is None else _rollback(failure, state, steps, start, undone),
        discarded=interrupted.discarded,
    )


def _repeatable(interrupted: Interrupted, steps: Sequence[Step]) -> set[str]:
    recorded = {step.name for step in interrupted.steps if step.idempotent}
    return {step.name for step in steps if step.idempotent and step.name in recorded}


def _label(by: str, skipped: Doubt) -> str:
    parts = [f"resumed by {by}"]
    if skipped.steps:
        parts.append(f"taken as done: {', '.join(skipped.steps)}")
    if skipped.undoing is not None:
        parts.append(f"taken as undone: {skipped.undoing}")
    return "; ".join(parts)


def _rollback(
    failure: Failure,
    state: SagaSnapshot,
    steps: Sequence[Step],
    start: StartPoint,
    undone: tuple[str, ...],
) -> Rollback:
    known = {step.name: step for step in steps}
    order = list(start.restored)
    for name, place in sorted(failure.timed_out.items(), key=itemgetter(1), reverse=True):
        if known[name].compensate_on_timeout:
            order.insert(place, name)
    settled = {*undone, *start.kept, *failure.not_undone}
    return Rollback(
        error=RecordedFailureError(failure.error),
        failed_step=failure.step_name,
        undo=tuple(name for name in order if known[name].compensation and name not in settled),
        undone=undone,
        compensation=state.compensation,
    )
