"""The list's filter as a person types it: ``status:failed name:Order* since:2h error:token``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from sagaz_core.errors import UsageError
from sagaz_core.model import Status
from sagaz_tui.showing.zone import in_zone

WORDS: Final = ("status", "name", "step", "error", "since", "until", "tag")
_WHERE: Final = re.compile(r"(?:^|(?<=\s))where:")
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class SagaFilter:
    """Which sagas; what is not given does not matter. The times are counted back from now."""

    prefix: str | None = None
    status: tuple[Status, ...] = ()
    name: str | None = None
    step: str | None = None
    error: str | None = None
    since: timedelta | datetime | None = None
    until: timedelta | datetime | None = None
    tags: tuple[tuple[str, str], ...] = ()
    where: str | None = None
    """An expression over the latest checkpoint."""

    def arguments(self, now: datetime) -> dict[str, Any]:
        """Give it as arguments of ``SnapshotStorage.list_sagas``, without status and where."""
        return {
            "prefix": self.prefix,
            "name": self.name,
            "step": self.step,
            "error": self.error,
            "since": _moment(self.since, now),
            "until": _moment(self.until, now),
            "tags": dict(self.tags) or None,
        }


def parse_filter(text: str) -> SagaFilter:
    """Read a filter; words without a colon are the beginning of an id.

    ``where:`` comes last: all that follows is the expression.

    Raises:
        UsageError: the sentence says what to write instead.
    """
    before, *where = _WHERE.split(text, maxsplit=1)
    if where and not where[0].strip():
        raise UsageError("where: wants an expression after it, as where:ctx.amount > 100")
    try:
        words = shlex.split(before)
    except ValueError:
        raise UsageError("a quotation mark is open; close it") from None
    found: dict[str, Any] = {}
    tags: list[tuple[str, str]] = []
    for text_word in words:
        name, colon, value = text_word.partition(":")
        if not colon or name not in WORDS:
            _put(
                found, "prefix", text_word, "an id begins one way only; give one word without name:"
            )
        elif not value:
            raise UsageError(f"{name}: wants a value right after the colon")
        elif name == "tag":
            tags.append(_tag(value, tags))
        else:
            _put(found, name, _READERS.get(name, str)(value), f"{name}: is there twice")
    return SagaFilter(tags=tuple(tags), where=where[0].strip() if where else None, **found)


def _put(found: dict[str, Any], name: str, value: object, twice: str) -> None:
    if name in found:
        raise UsageError(twice)
    found[name] = value


def _statuses(text: str) -> tuple[Status, ...]:
    known = get_args(Status)
    given = text.split(",")
    for status in given:
        if status not in known:
            raise UsageError(f"no status {status!r}; there are {', '.join(known)}")
    return tuple(status for status in known if status in given)


def _tag(text: str, given: Sequence[tuple[str, str]]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("write a tag as tag:name=value")
    if name in dict(given):
        raise UsageError(f"tag:{name} is there twice, and a saga has one value of it")
    return name, value


def _time(text: str) -> timedelta | datetime:
    if span := _SPAN.fullmatch(text):
        seconds = float(span[1]) * _SECONDS[span[2]]
        if seconds < timedelta.max.total_seconds():
            return timedelta(seconds=seconds)
    try:
        # A time without a zone is in that of the clock in the title.
        return in_zone(datetime.fromisoformat(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time; write 2h, 30m or 2024-12-15T10:30") from None


def _moment(time: timedelta | datetime | None, now: datetime) -> datetime | None:
    if not isinstance(time, timedelta):
        return time
    earliest = datetime.min.replace(tzinfo=UTC)
    return now - time if time < now - earliest else earliest


_READERS: Final = {"status": _statuses, "since": _time, "until": _time}
