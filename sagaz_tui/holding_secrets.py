"""Whether a value is a secret, or has one somewhere inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagaz_core.model import Masked


def holds_secret(value: Any) -> bool:
    """Return whether a value as it is shown is the mask of a secret, or has one inside."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, Masked):
            return True
        if isinstance(each, Mapping):
            left.extend(each.values())
        elif isinstance(each, (list, tuple, set, frozenset)):
            left.extend(each)
    return False
