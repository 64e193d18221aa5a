"""Which moments of a run each strategy takes a checkpoint of, and what they say of its status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sagaz_core.config import SnapshotStrategy
from sagaz_core.model import Kind, Status

ENDS: Final[frozenset[Kind]] = frozenset({"completed", "failed"})
"""A run is over with one of these."""
BEFORE_CALLS: Final[frozenset[Kind]] = frozenset({"before_step", "before_compensation"})
"""After these something is called that acts on the world."""
_TROUBLE: Final[frozenset[Kind]] = frozenset(
    {"step_failed", "before_compensation", "after_compensation", "compensation_failed"}
)
TAKEN: Final[Mapping[SnapshotStrategy, frozenset[Kind]]] = {
    "before_each_step": _TROUBLE | ENDS | {"before_step", "manual"},
    "after_each_step": _TROUBLE | ENDS | {"after_step", "manual"},
    "on_failure": _TROUBLE | ENDS | {"before_step", "manual"},
    "on_completion": ENDS | {"manual"},
    "manual": frozenset({"manual"}),
}
"""What each strategy takes."""
ENDS_BACKLOG: Final[frozenset[Kind]] = frozenset({"step_failed", "before_compensation", "failed"})
"""With these ``on_failure`` writes what it has kept in memory until then."""
STATUS: Final[Mapping[Kind, Status]] = {
    "before_compensation": "compensating",
    "after_compensation": "compensating",
    "compensation_failed": "compensating",
    "completed": "completed",
    "failed": "failed",
}
"""The status that a saga has from such a checkpoint on; of the others it is executing."""
