"""What each pane of the debugger shows, worked out of what is known and where the cursor is."""

from __future__ import annotations

from sagaz_core.model import CheckpointSummary
from sagaz_tui.debugger.moment import Moment
from sagaz_tui.debugger.session import SagaView
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.context_rows import ContextState, Undone
from sagaz_tui.widgets.why import WhyState

_UNDONE = {"after_compensation": False, "compensation_failed": True}


def opening_cursor(view: SagaView) -> int:
    """Return the number of the checkpoint to begin at: a failed saga's failure, else the last."""
    failure = view.failure
    if failure is not None and view.saga.status in ("failed", "compensating"):
        return failure.sequence
    return view.checkpoints.last_number


def running_words(view: SagaView) -> str:
    """Return what a live saga does now, in a word or two; empty if it has ended."""
    last = view.last
    if last is None:
        return ""
    if view.saga.status == "executing":
        return visible(", ".join(last.running_steps) or view.saga.step_name or "")
    if view.saga.status == "compensating" and last.kind == "before_compensation":
        return visible(last.step_name or "")
    return ""


def context_state(view: SagaView, moment: Moment) -> ContextState:
    """Return what the context pane shows of a checkpoint."""
    snapshot = moment.snapshot
    if snapshot is None:
        return ContextState(moment.sequence)
    undone = {
        mark.step: Undone(mark.seq, _UNDONE[mark.kind])
        for mark in view.checkpoints.outline.undone_until(moment.sequence)
        if mark.step is not None and mark.kind in _UNDONE
    }
    return ContextState(
        sequence=moment.sequence,
        context=snapshot.context,
        results=snapshot.results,
        changes=moment.changes,
        set_at=moment.set_at,
        undone=undone,
        conflicts=view.checkpoints.conflicts_until(moment.sequence),
        origins=view.run.origins,
        kept=frozenset(view.run.kept),
    )


def why_state(view: SagaView, moment: Moment, checkpoint: CheckpointSummary) -> WhyState:
    """Return what can be told of a checkpoint."""
    named = {record.name for record in checkpoint.step_records} | {checkpoint.step_name}
    return WhyState(
        checkpoint=checkpoint,
        before=moment.before,
        changes=moment.changes,
        causes=moment.causes,
        definitions={step.name: step for step in view.run.steps if step.name in named},
        failure=view.failure,
        problem=moment.problem,
    )
