"""Lets time stand still, so that a picture comes out the same each time it is taken."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from datetime import datetime, tzinfo
from types import SimpleNamespace
from typing import Any, Final

from sagaz_core.storage.times import to_micros
from screenshots.recording import NOW


class _Still(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return NOW


_CLOCK = SimpleNamespace(time_ns=lambda: 1000 * to_micros(NOW))
STILL: Final[Mapping[str, Any]] = {
    "sagaz_core.model.values.datetime": _Still,
    "sagaz_core.storage.times.time": _CLOCK,
    "textual.widgets.Input._toggle_cursor": lambda line: None,
    "textual.widgets._toast.Toast._expire": lambda toast: None,
    "textual.notifications.Notification.has_expired": False,
}
"""What stands where time is told, or where it shows."""


def stand_still() -> None:
    """Stop the time of this process for good."""
    for name, value in STILL.items():
        place, _, attribute = name.rpartition(".")
        setattr(pkgutil.resolve_name(place), attribute, value)
