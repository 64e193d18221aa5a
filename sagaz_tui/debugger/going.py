"""Where to go in a saga's history, as a person types it: ``#500``, ``+2s``, ``03:10:41``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from sagaz_tui.showing.zone import in_zone

_SPAN: Final = re.compile(r"([+-])\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_CLOCK: Final = re.compile(r"(?:(\d{4}-\d\d-\d\d)[T ]+)?(\d\d?:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z?)")
_WHERE: Final = re.compile(r"where\b\s*(.*)", re.DOTALL)
HINT: Final = "#500 · +2s · -2s · 03:10:41 · where ctx.amount > 100"
"""Examples of all that can be typed."""


@dataclass(frozen=True, slots=True)
class ToNumber:
    """To a checkpoint by its number."""

    number: int

    @property
    def words(self) -> str:
        """What it means, for a person."""
        return f"go to checkpoint #{self.number}"


@dataclass(frozen=True, slots=True)
class ToMoment:
    """To what was true so much later than now at the cursor, or earlier if negative."""

    span: timedelta
    text: str

    @property
    def words(self) -> str:
        """What it means, for a person."""
        return f"go to {self.text[1:].strip()} {'later' if self.span > timedelta() else 'earlier'}"


@dataclass(frozen=True, slots=True)
class ToTime:
    """To the last checkpoint whose time, as far as it was typed, is this one or before it."""

    moment: datetime | time
    """With a zone if it was typed; without one it is this machine's."""
    unit: timedelta
    """How long the typed time lasts: a minute, a second, a thousandth."""
    text: str

    @property
    def words(self) -> str:
        """What it means, for a person."""
        return f"go to what was true at {self.text}"

    def near(self, moment: datetime) -> datetime:
        """Return its end, with a zone; a time without a date is on the day that is nearest."""
        if isinstance(self.moment, datetime):
            return in_zone(self.moment) + self.unit - timedelta(microseconds=1)
        there = in_zone(moment)
        days = [there.date() + timedelta(days=days) for days in (-1, 0, 1)]
        times = [in_zone(datetime.combine(day, self.moment)) for day in days]
        nearest = min(times, key=lambda each: abs(each - there))
        return nearest + self.unit - timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ToWhere:
    """To where an expression becomes true next."""

    expression: str

    @property
    def words(self) -> str:
        """What it means, for a person."""
        return "go to where this becomes true next" if self.expression else "where: an expression"


Go = ToNumber | ToMoment | ToTime | ToWhere


def parse_go(text: str) -> Go | None:
    """Return where a text says to go; None: it is none of those."""
    text = text.strip()
    digits = text.removeprefix("#")
    if digits.isascii() and digits.isdigit() and len(digits) < 16:
        return ToNumber(int(digits))
    if (span := _SPAN.fullmatch(text)) and len(span[2]) < 12:
        seconds = float(span[2]) * _SECONDS[span[3]]
        return ToMoment(timedelta(seconds=seconds if span[1] == "+" else -seconds), text)
    if where := _WHERE.fullmatch(text):
        return ToWhere(where[1].strip())
    return _to_time(text)


def _to_time(text: str) -> ToTime | None:
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return None
    day, hours, zone = clock.groups()
    try:
        moment = time.fromisoformat(hours.zfill(len(hours) + (hours[1] == ":")))
        if day:
            whole = datetime.fromisoformat(f"{day}T{moment.isoformat()}{'+00:00' if zone else ''}")
            return ToTime(whole, _unit(hours), text)
    except ValueError:
        return None
    return None if zone else ToTime(moment, _unit(hours), text)


def _unit(hours: str) -> timedelta:
    _, dot, fraction = hours.partition(".")
    if dot:
        return timedelta(microseconds=10 ** (6 - len(fraction)))
    return timedelta(seconds=1) if hours.count(":") == 2 else timedelta(minutes=1)
