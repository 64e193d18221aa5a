"""Whether the original had to do with the keys that a replay overrides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from sagaz_core.model import PlannedOverride, PlannedStep, RunInfo, StepRecord
from sagaz_core.replay.effects import FamilyEffects, origin
from sagaz_core.replay.pointer import split_pointer

_NAMED: Final = 3
"""Steps that a note names before it only counts."""


def add_use(
    overrides: Iterable[PlannedOverride],
    steps: Iterable[PlannedStep],
    *,
    saga_id: str,
    run: RunInfo,
    effects: FamilyEffects,
) -> tuple[PlannedOverride, ...]:
    """Return overrides with the steps that read or set their key, or a note that none did.

    What counts is what was recorded of the steps that run: nothing is told of a saga recorded
    by another engine.

    Args:
        overrides: what the replay changes.
        steps: what it does with each step.
        saga_id: the saga that is replayed.
        run: what was recorded of it.
        effects: what its family has done.
    """
    records: list[StepRecord] = []
    never_ran: list[str] = []
    all_known = bool(run.steps)
    for step in steps:
        if step.fate.startswith("restored"):
            continue
        effect = origin(run, saga_id, step.name)
        record = effects.records.get(effect)
        if record is not None:
            records.append(record)
        elif effects.happened(effect):
            all_known = False
        elif step.fate != "gone":
            never_ran.append(step.name)
    note = _note(records, never_ran) if records and all_known else ""
    return tuple(_with_use(override, records, note) for override in overrides)


def _with_use(
    override: PlannedOverride, records: Sequence[StepRecord], note: str
) -> PlannedOverride:
    key = split_pointer(override.path)[0]
    read_by = tuple(record.name for record in records if key in record.keys_read)
    set_by = tuple(record.name for record in records if key in record.keys_set)
    return replace(override, read_by=read_by, set_by=set_by, note="" if read_by or set_by else note)


def _note(records: Sequence[StepRecord], never_ran: Sequence[str]) -> str:
    note = "no later step of the original ever read or set it"
    # One that was cut short may have looked at it later on.
    cut_short = [record.name for record in records if record.outcome != "completed"]
    reservations = [
        f"{_names(steps)} did not {verb}"
        for steps, verb in ((cut_short, "complete"), (never_ran, "run"))
        if steps
    ]
    return f"{note}; there {' and '.join(reservations)}" if reservations else note


def _names(steps: Sequence[str]) -> str:
    names = ", ".join(steps[:_NAMED])
    return f"{names} and {len(steps) - _NAMED} more" if len(steps) > _NAMED else names
