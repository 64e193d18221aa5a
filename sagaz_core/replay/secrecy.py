"""Whether what is encrypted in a checkpoint stays so in a replay of it, and is there at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.model import (
    Masked,
    PlannedOverride,
    PlannedStep,
    PlanProblem,
    RunInfo,
    SagaSnapshot,
)
from sagaz_core.replay.effects import FamilyEffects
from sagaz_core.replay.key_use import add_use
from sagaz_core.replay.pointer import join_pointer, key_pointer
from sagaz_core.storage.reader import StoreReader


async def check_secrets(storage: StoreReader, snapshot: SagaSnapshot) -> list[PlanProblem]:
    """Return a problem for each encrypted value that a replay would record in plain text."""
    compliance = storage.compliance
    if compliance is None:
        # Without its key nothing encrypted can be read in the first place.
        return []
    assert snapshot.sequence is not None
    return [
        PlanProblem(
            code="secret_exposed",
            message=f"{join_pointer(path)} is encrypted, and the replay would record it in plain "
            "text; "
            + (
                "name it among the sensitive fields"
                if compliance.encrypts
                else "enable encryption in the settings"
            ),
            path=join_pointer(path),
        )
        for path in await storage.list_encrypted(snapshot.saga_id, snapshot.sequence)
        if not (compliance.encrypts and _is_secret(compliance.fields, path))
    ]


def check_masked(
    context: Mapping[str, Any],
    steps: Iterable[PlannedStep],
    saga_id: str,
    run: RunInfo,
    effects: FamilyEffects,
) -> list[PlanProblem]:
    """Return a problem for each key whose value was masked for good and that a step will read.

    Its mask would be taken for the value. What is told by ``steps``, ``run`` and ``effects`` is
    as for :func:`~sagaz_core.replay.key_use.add_use`.
    """
    masked = [
        PlannedOverride(path=key_pointer(key), before=value, after=value)
        for key, value in context.items()
        if isinstance(value, Masked)
    ]
    if not masked:
        return []
    return [
        PlanProblem(
            code="secret_missing",
            message=f"{each.path} was masked when it was exported, and {each.read_by[0]} reads "
            "it; override it",
            path=each.path,
            step=each.read_by[0],
        )
        for each in add_use(masked, steps, saga_id=saga_id, run=run, effects=effects)
        if each.read_by
    ]


def _is_secret(fields: SensitiveFields, path: Sequence[str]) -> bool:
    # A set is encrypted as a whole for its items.
    return fields.hold(path) or fields.reach_inside(path)
