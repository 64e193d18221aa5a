"""What each pane of the debugger shows, worked out of what is known and where the cursor is."""

from __future__ import annotations

from dataclasses import dataclass

from sagaz_core.model import FORWARD_KINDS
from sagaz_tui.session import Moment, SagaSession, SagaView
from sagaz_tui.text import visible
from sagaz_tui.widgets.context_rows import ContextState, Undone
from sagaz_tui.widgets.why import WhyState

_UNDONE = {"after_compensation": False, "compensation_failed": True}


def opening_cursor(view: SagaView) -> int:
    """Return the number of the checkpoint to begin at: a failed saga's failure, else the last."""
    failure = view.failure
    if failure is not None and view.saga.status in ("failed", "compensating"):
        return failure.sequence
    return view.checkpoints[-1].sequence


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay begins: a step, and the checkpoint from which it can run."""

    step: str
    sequence: int


def replay_start(view: SagaView) -> Start | None:
    """Return the start at the step that failed, or at which the run was interrupted."""
    failure = view.failure
    if failure is not None and failure.step_name is not None:
        return _start_of(view, failure.step_name, failure.sequence)
    if view.saga.status == "interrupted":
        return start_near(view, view.checkpoints[-1].sequence)
    return None


def start_near(view: SagaView, sequence: int) -> Start | None:
    """Return the start at the latest step begun not after a checkpoint."""
    for checkpoint in reversed(view.checkpoints):
        began = checkpoint.kind == "before_step" and checkpoint.step_name is not None
        if began and checkpoint.sequence <= sequence:
            return Start(str(checkpoint.step_name), checkpoint.sequence)
    return None


def _start_of(view: SagaView, step: str, until: int) -> Start | None:
    """The checkpoint before the step; where only ends are recorded, the last end before it."""
    earlier = [each for each in view.checkpoints if each.sequence < until]
    for checkpoint in reversed(earlier):
        if checkpoint.kind == "before_step" and checkpoint.step_name == step:
            return Start(step, checkpoint.sequence)
    ends = (each.sequence for each in reversed(earlier) if each.kind in FORWARD_KINDS)
    return next((Start(step, sequence) for sequence in ends), None)


def running_words(view: SagaView) -> str:
    """Return what a live saga does now, in a word or two; empty if it has ended."""
    last = view.checkpoints[-1]
    if view.saga.status == "executing":
        return visible(", ".join(last.running_steps) or view.saga.step_name or "")
    if view.saga.status == "compensating" and last.kind == "before_compensation":
        return visible(last.step_name or "")
    return ""


def context_state(session: SagaSession, view: SagaView, moment: Moment) -> ContextState:
    """Return what the context pane shows of a checkpoint."""
    snapshot = moment.snapshot
    if snapshot is None:
        return ContextState(moment.sequence)
    passed = [each for each in view.checkpoints if each.sequence <= moment.sequence]
    undone = {
        each.step_name: Undone(each.sequence, _UNDONE[each.kind])
        for each in passed
        if each.step_name is not None and each.kind in _UNDONE
    }
    conflicts = {key for each in passed for record in each.step_records for key in record.conflicts}
    return ContextState(
        sequence=moment.sequence,
        context=snapshot.context,
        results=snapshot.results,
        changes=moment.changes,
        set_at=session.set_at(moment.sequence),
        undone=undone,
        conflicts=frozenset(conflicts),
        origins=view.run.origins,
        kept=frozenset(view.run.kept),
    )


def why_state(session: SagaSession, view: SagaView, sequence: int) -> WhyState:
    """Return what can be told of a checkpoint by what has been read of it so far."""
    index = view.index_of(sequence)
    moment = session.known(sequence)
    return WhyState(
        checkpoint=view.checkpoints[index],
        before=view.checkpoints[index - 1].sequence if index else None,
        changes=None if moment is None else moment.changes,
        causes=session.causes(sequence),
        definitions={step.name: step for step in view.run.steps},
        failure=view.failure,
        problem="" if moment is None else moment.problem,
    )
