"""What stands where there is no value, and where new times and ids come from."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


def utc_now() -> datetime:
    """Return the current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a fresh random identifier of 36 characters."""
    return str(uuid.uuid4())


class Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        # There is one; a copy, or what comes from a pickle, is that one.
        return "MISSING"


MISSING: Final = Missing()
"""Stands where there is no value; ``None`` is a value."""


@dataclass(frozen=True, slots=True)
class NotStored:
    """Stands in a recorded context for a value that could not be stored."""

    path: str
    """JSON Pointer of the value in the context it was captured from."""
    type_name: str
    reason: str

    def __str__(self) -> str:
        return f"‹not stored: {self.type_name}›"
