"""Starts a replay in a process of its own, which outlives the screen that started it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sagaz_core.errors import SagazError
from sagaz_tui.settings import Settings

if TYPE_CHECKING:
    from sagaz_core.replay.overrides import Override

_POLL: Final = 0.03
_LAST_LINES: Final = 3


class ReplayNotStartedError(SagazError):
    """The process ended before its replay began; the message has its words."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What a person asks for, before it is planned.

    Args:
        saga_id: the saga to grow a branch from.
        from_step: the step to start at.
        overrides: staged edits, in order.
        allow_type: JSON Pointers at which a value may be of another type than recorded.
        snapshot_id: one checkpoint exactly; None: the step's newest.
        compensated: what happens with restored steps that were undone since.
        in_doubt: what happens with steps in doubt; None: nobody has chosen.
    """

    saga_id: str
    from_step: str
    overrides: tuple[Override, ...] = ()
    allow_type: tuple[str, ...] = ()
    snapshot_id: str | None = None
    compensated: Literal["redo", "keep", "refuse"] = "redo"
    in_doubt: Literal["retry", "skip"] | None = None
