"""Where a rehearsal learns what each step does: its own function, this saga, or another one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sagaz_core.model import Knowledge, ReplayPlan, RunInfo
from sagaz_core.replay.recorded import Change, RecordedRun
from sagaz_core.saga.graph import is_graph
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Step
from sagaz_core.storage.storage import SnapshotStorage

LOOKED_AT: Final = 100
"""So many of the latest successful sagas are looked at for one to borrow from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is known of a step; ``change`` is there where it was recorded."""

    known_from: Knowledge
    change: Change | None = None
    note: str = ""


UNKNOWN: Final = Source(known_from="unknown")


async def find_sources(
    storage: SnapshotStorage, plan: ReplayPlan, start: StartPoint, steps: Sequence[Step]
) -> dict[str, Source]:
    """Return for every step that would run where it is known from. Only reads."""
    run = await storage.get_run(plan.saga_id)
    recorded = _RecordedRuns(storage, plan.saga_id, run)
    running = [step for step in steps if step.name in start.redo or step.name not in start.complete]
    sources = {step.name: await _own(step, start, recorded) for step in running}
    missing = [step for step in running if sources[step.name].known_from == "unknown"]
    sources.update(await _borrowed(storage, plan, missing))
    return sources


async def find_undoings(
    storage: SnapshotStorage, saga_id: str, steps: Iterable[Step]
) -> dict[str, Change]:
    """Return what each step's compensation changed in a saga, where it was recorded there."""
    run = RecordedRun(storage, saga_id)
    found = {
        step.name: await run.change_of_undoing(step.name) for step in steps if step.compensation
    }
    return {name: change for name, change in found.items() if change is not None}


def out_of_reach(
    steps: Sequence[Step], start: StartPoint, unknown: Collection[str]
) -> tuple[str, ...]:
    """Return the steps that cannot be walked when these are unknown, the first of those first."""
    if not unknown:
        return ()
    order = [*start.redo, *(step.name for step in steps if step.name not in start.complete)]
    if not is_graph(steps) or any(name in unknown for name in start.redo):
        return tuple(order[min(order.index(name) for name in unknown) :])
    lost = {name: None for name in order if name in unknown}
    while True:
        waiting = [
            step.name
            for step in steps
            if step.name not in lost
            and step.name in order
            and any(needed in lost for needed in step.depends_on or ())
        ]
        if not waiting:
            return tuple(lost)
        lost.update(dict.fromkeys(waiting))


class _RecordedRuns:
    """The run that is replayed, and those in which its restored steps really ran."""

    def __init__(self, storage: SnapshotStorage, saga_id: str, run: RunInfo) -> None:
        self._storage = storage
        self._saga_id = saga_id
        self._origins = run.origins
        self._fingerprints = {step.name: step.fingerprint for step in run.steps}
        self._runs: dict[str, RecordedRun] = {}

    async def source(self, step: Step) -> Source:
        saga_id = self._origins.get(step.name, self._saga_id)
        run = self._runs.setdefault(saga_id, RecordedRun(self._storage, saga_id))
        change = await run.change_of(step.name)
        if change is None:
            return UNKNOWN
        changed = self._fingerprints.get(step.name) not in ("", None, step.fingerprint)
        return Source(
            known_from="recorded",
            change=change,
            note="its code has changed since" if changed else "",
        )


async def _own(step: Step, start: StartPoint, recorded: _RecordedRuns) -> Source:
    if step.name == start.force_failure:
        return Source(known_from="forced")
    if step.simulate is not None:
        return Source(known_from="simulate")
    return await recorded.source(step)


async def _borrowed(
    storage: SnapshotStorage, plan: ReplayPlan, steps: Sequence[Step]
) -> dict[str, Source]:
    found: dict[str, Source] = {}
    if not steps:
        return found
    page = await storage.list_sagas(status="completed", name=plan.saga_name, limit=LOOKED_AT)
    for saga in page.sagas:
        run = await storage.get_run(saga.saga_id)
        fingerprints = {step.name: step.fingerprint for step in run.steps}
        other = RecordedRun(storage, saga.saga_id)
        for step in steps:
            if step.name in found or fingerprints.get(step.name) != step.fingerprint:
                continue
            change = await other.change_of(step.name)
            if change is not None:
                found[step.name] = Source(known_from="borrowed", change=change)
        if len(found) == len(steps):
            break
    return found
