"""Moments as the integers that stores keep: microseconds since 1970 in UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

DAY: Final = 86_400_000_000


def now_micros() -> int:
    """Return this machine's clock."""
    return time.time_ns() // 1000


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC; raises ValueError if it has none."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise ValueError(f"{micros} microseconds since 1970 are no time") from error
