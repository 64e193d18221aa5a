"""A question about text that no store can hold, such as half a character."""

from __future__ import annotations

from sagaz_core.errors import UsageError


def no_text(error: UnicodeEncodeError) -> UsageError:
    """Return what a driver's refusal to write a text in UTF-8 means to a person."""
    part = error.object[error.start : error.end]
    return UsageError(f"{part!r} is no valid text, so nothing that is stored holds it")
