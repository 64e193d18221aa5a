"""Whether what is to be set is a secret, or holds one, by where it goes."""

from __future__ import annotations

from typing import Any

from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.compliance.replacing import replace_inside
from sagaz_core.errors import OverrideError
from sagaz_core.replay.overrides import Override, read_override
from sagaz_core.replay.pointer import split_pointer


def is_sensitive(fields: SensitiveFields, pointer: str, value: Any) -> bool:
    """Return whether fields call a value at a place a secret, or something inside it."""
    found: list[bool] = []

    def note(part: Any, place: tuple[str, ...]) -> Any:
        found.append(fields.hold(place))
        return part

    if fields:
        replace_inside(value, tuple(split_pointer(pointer)), note)
    return any(found)


def sets_secret(fields: SensitiveFields, override: Override) -> bool:
    """Return whether what an override sets is a secret, or holds one, by what was written.

    What stands in a file is not looked at.
    """
    if fields.hold(split_pointer(override.pointer)):
        return True
    if not fields or override.operator == "=@":
        return False
    try:
        return is_sensitive(fields, *read_override(override, {}))
    except OverrideError:
        return False
