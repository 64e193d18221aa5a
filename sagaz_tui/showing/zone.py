"""The zone in which times are shown and read: this machine's, or UTC, one for the program.

A screen names it once, behind the time that is looked at first (``%Z``).
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

_zone: tzinfo | None = None


def use_utc(on: bool) -> None:
    """Show and read times in UTC from now on, or in this machine's zone."""
    global _zone
    _zone = UTC if on else None


def in_zone(moment: datetime) -> datetime:
    """Return a moment in the zone; one without a zone is read as being in it."""
    if moment.tzinfo is None and _zone is not None:
        return moment.replace(tzinfo=_zone)
    return moment.astimezone(_zone)
