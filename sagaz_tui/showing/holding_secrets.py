"""Whether a value is a secret, or has one somewhere inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagaz_core.model import Masked

_PLAIN: Final = frozenset((str, int, float, bool, bytes, type(None)))
"""What most values are; asking what else one is would take most of the time."""


def holds_secret(value: Any) -> bool:
    """Return whether a value as it is shown is the mask of a secret, or has one inside."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, Masked):
            return True
        if isinstance(each, Mapping):
            left.extend(part for part in each.values() if type(part) not in _PLAIN)
        elif isinstance(each, (list, tuple, set, frozenset)):
            left.extend(part for part in each if type(part) not in _PLAIN)
    return False
