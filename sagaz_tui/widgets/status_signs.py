"""The sign of how a saga stands and its colour, the same wherever a saga is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sagaz_core.model import Status
from sagaz_tui.showing.theme import GlyphName
from sagaz_tui.widgets.lines import Token

STATUS_SIGNS: Final[Mapping[Status, tuple[GlyphName, Token]]] = {
    "executing": ("running", "live"),
    "compensating": ("before_compensation", "undo"),
    "completed": ("completed", "ok"),
    "failed": ("step_failed", "fail"),
    "interrupted": ("interrupted", "changed"),
}
