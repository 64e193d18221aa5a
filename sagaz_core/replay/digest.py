"""A plan in four short hashes, so that what runs can be held against what was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sagaz_core.errors import PlanChangedError, UsageError
from sagaz_core.model import MISSING, PlannedOverride, SagaSnapshot, StepInfo
from sagaz_core.replay.effects import FamilyEffects
from sagaz_core.storage.codec import pack_with_markers

PARTS: Final = ("checkpoint", "override", "code", "lease")
_LENGTH: Final = 10


def digest(
    *,
    snapshot: SagaSnapshot | None,
    from_step: str,
    overrides: Iterable[PlannedOverride],
    choices: Sequence[Any],
    code: str,
    steps: Iterable[StepInfo],
    fence: int,
    effects: FamilyEffects,
) -> str:
    """Return a plan's digest, the same in every process.

    Args:
        snapshot: where it starts; None: nowhere.
        from_step: the step it starts at.
        overrides: the changes to the context.
        choices: what else the caller has chosen that changes what runs.
        code: ``module:qualname`` of the saga's class; empty if it could not be had.
        steps: the steps as the code defines them.
        fence: the family's fencing token.
        effects: what the family has done and undone.
    """
    parts = (
        [snapshot.snapshot_id if snapshot else None, from_step],
        [
            *choices,
            *([each.path, *(() if each.after is MISSING else (each.after,))] for each in overrides),
        ],
        [code, *([step.name, list(step.depends_on or ()), step.fingerprint] for step in steps)],
        [
            fence,
            *(
                sorted(map(list, found))
                for found in (effects.undone, effects.undo_uncertain, effects.standing)
            ),
        ],
    )
    return "-".join(_hash(part) for part in parts)


def check_digest(shown: str, current: str) -> None:
    """Compare the digest that was shown with that of the plan as it is now.

    Raises:
        UsageError: ``shown`` is no digest.
        PlanChangedError: they differ; the message says in what.
    """
    before, now = shown.split("-"), current.split("-")
    if len(before) != len(PARTS):
        raise UsageError(f"{shown!r} is no plan digest; take the one that a dry run shows")
    changed = [part for part, old, new in zip(PARTS, before, now, strict=True) if old != new]
    if changed:
        raise PlanChangedError(changed)


def _hash(part: Any) -> str:
    packed, _ = pack_with_markers(part)
    return hashlib.blake2b(packed).hexdigest()[:_LENGTH]
