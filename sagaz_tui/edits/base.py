"""What staged edits belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagaz_tui.showing.text import visible


@dataclass(frozen=True, slots=True, eq=False)
class EditBase:
    """What edits are for: a step to replay from, and the recorded state it begins with.

    ``context`` is that state without the results of steps. Both have a mask for each secret.
    """

    step: str
    sequence: int
    state: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    saga_id: str = ""

    @property
    def title(self) -> str:
        """What the edits are for, in words."""
        return f"Edits for the replay from {visible(self.step)} @#{self.sequence}"
