"""The colour of a value wherever one is shown."""

from __future__ import annotations

from typing import Any

from sagaz_core.model import Masked, NotStored
from sagaz_tui.widgets.lines import Token


def value_token(value: Any, otherwise: Token = "text") -> Token:
    """Return the colour of a secret, or of what could not be stored; else ``otherwise``."""
    if isinstance(value, Masked):
        return "secret"
    return "changed" if isinstance(value, NotStored) else otherwise
