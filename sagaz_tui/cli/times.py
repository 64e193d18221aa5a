"""Times as a person types them: ISO 8601, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sagaz_core.errors import UsageError
from sagaz_core.model import utc_now
from sagaz_tui.cli.exits import say

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])(?:\s+ago)?", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_time(text: str, option: str, *, now: datetime | None = None) -> datetime:
    """Return the moment that ``text`` names, in UTC.

    A time without a zone is taken to be in this machine's, and stderr says so.

    Args:
        text: ``2024-12-15T10:30:00Z``, ``2024-12-15 10:30``, ``2h ago`` or ``2h``.
        option: the option it was given to, for the message.
        now: what ``ago`` counts from.

    Raises:
        UsageError: it is no time, or none that the calendar has.
    """
    try:
        if span := _SPAN.fullmatch(text.strip()):
            seconds = float(span[1]) * _SECONDS[span[2].lower()]
            return (now or utc_now()) - timedelta(seconds=seconds)
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.astimezone()
            say(f"{option} {text} names no zone; read in this machine's as {moment.isoformat()}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{option} {text!r} is no time; write it as 2024-12-15T10:30:00Z or as '2h ago'"
        ) from error


def parse_optional_time(text: str | None, option: str) -> datetime | None:
    """Return what :func:`parse_time` would, or None if nothing was given."""
    return None if text is None else parse_time(text, option)


def time_text(moment: datetime) -> str:
    """Return a time of a store to the millisecond, in UTC, as every command prints it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
