"""The lines above the saga list: where one is, how fresh it is, the views and the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.cells import cell_len

from sagaz_tui.saga_list.feed import Counts, Question, SagaFeed, View
from sagaz_tui.saga_list.filter import SagaFilter
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.showing.zone import in_zone
from sagaz_tui.widgets.lines import Line, Span, Token
from sagaz_tui.widgets.safe_text import clip

_VIEWS: Final[tuple[tuple[View, str, str], ...]] = (
    ("failed", "1", "Failed"),
    ("running", "2", "Running"),
    ("all", "3", "All"),
)
_WIDE: Final = 110
_GROUP_CELLS: Final = 40
_GROUP_CELLS_NARROW: Final = 24


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the store answers. ``since`` is when it last did, ``retry_at`` when it is asked."""

    lost: bool = False
    since: datetime | None = None
    retry_at: datetime | None = None


def title_line(store: str, production: str, *, limits: str) -> Line:
    """Give the title: the program, the store, what to be careful about, what may not be done."""
    spans = [Span(" sagaz  ", "muted"), Span(clip(store, 40), "text", bold=True)]
    if production:
        spans.append(Span(f"  {clip(production, 20)}", "changed", bold=True))
    if limits:
        spans.append(Span(f"  {limits}", "muted"))
    return tuple(spans)


def freshness_line(freshness: Freshness, now: datetime) -> Line:
    """Give how fresh the list is: live, or for how long the store has not answered."""
    if not freshness.lost:
        clock = f"{in_zone(now):%H:%M:%S %Z}"
        return (Span("LIVE ", "live", bold=True), Span(f"{clock} ", "muted"))
    parts = ["store gone"]
    if freshness.since is not None:
        parts = [f"stale {_seconds(now, freshness.since)} s"]
    if freshness.retry_at is not None:
        parts.append(f"retry in {_seconds(freshness.retry_at, now)} s")
    return (Span(", ".join(parts) + " ", "changed", bold=True),)


def _seconds(later: datetime, earlier: datetime) -> int:
    return max(round((later - earlier).total_seconds()), 0)


def views_line(question: Question, counts: Counts | None) -> tuple[Line, dict[int, str]]:
    """Give the three views with their counts, and what a click on each does."""
    spans, calls = [Span(" ")], {}
    for view, key, name in _VIEWS:
        chosen = view == question.view
        number = f" {getattr(counts, view):,}" if counts is not None else ""
        calls[len(spans)] = calls[len(spans) + 1] = f"view({view!r})"
        spans.append(Span(f"{key} ", "live"))
        spans.append(Span(f"{name}{number}", "text" if chosen else "muted", bold=chosen))
        spans.append(Span("   "))
    return tuple(spans), calls


def groups_line(
    counts: Counts | None, group: str | None, width: int, key: str
) -> tuple[Line, Line, dict[int, str]]:
    """Give the errors with their counts as far as there is room, and what a click on each does."""
    groups: Sequence[tuple[str, int]] = counts.groups if counts is not None else ()
    right: Line = (Span(f"{key} ", "live"), Span("by error ", "muted")) if groups else ()
    room = width - 12
    spans, calls = [Span(" ")], {}
    widest = _GROUP_CELLS if width >= _WIDE else _GROUP_CELLS_NARROW
    names = _short_names([name for name, _ in groups])
    for number, (name, count) in enumerate(groups):
        chosen = name == group
        mark = f"{glyph('running')} " if chosen else ""
        text, tally = mark + clip(names[number], widest), f" {count:,}"
        gap = " · " if number else ""
        rest = f" · {len(groups) - number} more"
        room -= cell_len(gap + text + tally)
        if room < (0 if number == len(groups) - 1 else len(rest)) and number:
            spans.append(Span(rest, "muted"))
            break
        spans.append(Span(gap, "muted"))
        calls[len(spans)] = calls[len(spans) + 1] = f"choose_group({number})"
        spans.append(Span(text, "live" if chosen else "muted", bold=chosen))
        spans.append(Span(tally, "text", bold=chosen))
    return tuple(spans), right, calls


@dataclass(frozen=True, slots=True)
class News:
    """What the line of the filter tells at its right; ``keys`` names the keys that go with it."""

    newer: int = 0
    more: bool = False
    marked: int = 0
    marking: bool = False
    sort: str = "newest"
    looked_at: int | None = None
    """Of how many sagas an expression was asked; None: there is none."""
    complete: bool = True
    batch: str = ""
    """How far a batch is, whoever began it; empty: there is none to tell of."""


def news_line(news: News, keys: Mapping[str, str]) -> tuple[Line, dict[int, str]]:
    """Give what is marked, looked at and newer, and what a click on each does.

    Args:
        news: what to tell.
        keys: the keys ``top``, ``bottom``, ``back`` and ``batches`` as a person reads them.
    """
    spans: list[Span] = []
    calls: dict[int, str] = {}

    def say(text: str, token: Token, key: str, call: str) -> None:
        for span in (Span(text, token), Span(f" ({key})  " if key else "  ", "muted")):
            if call:
                calls[len(spans)] = call
            spans.append(span)

    if news.batch:
        say(news.batch, "live", keys["batches"], "batches")
    if news.marking:
        say(f"marking, {news.marked:,} so far", "live", keys["back"], "back")
    elif news.marked:
        say(f"{glyph('marked')} {news.marked:,} marked", "live", keys["back"], "back")
    if news.looked_at is not None:
        rest = ("", "") if news.complete else (keys["bottom"], "bottom")
        say(f"{news.looked_at:,} looked at", "muted", *rest)
    if news.newer:
        number = f"{news.newer}{'+' if news.more else ''}"
        say(f"{glyph('newer')} {number} newer", "live", keys["top"], "top")
    elif news.sort != "newest":
        say(f"by {news.sort}", "muted", "", "")
    return tuple(spans), calls


def doubts_line(feed: SagaFeed) -> Line:
    """Give where the filter's expression had no answer, and why."""
    doubts = feed.where.doubts if feed.where is not None else None
    if doubts is None:
        return ()
    words = f" no answer for {doubts.count:,}, taken for no: {doubts.first}: {doubts.reason}"
    return (Span(visible(words), "muted"),)


def _short_names(groups: Sequence[str]) -> list[str]:
    """Leave out the error's type where its message alone tells groups apart."""
    messages = [group.partition(": ")[2] for group in groups]
    return [
        message if message and messages.count(message) == 1 else group
        for group, message in zip(groups, messages, strict=True)
    ]


def empty_words(
    question: Question, counts: Counts | None, store: str, *, complete: bool
) -> tuple[str, ...]:
    """Give what a list without rows says; ``complete``: all were looked at."""
    if question.contradicts:
        return ("Nothing here can have that status; 3 shows all sagas.",)
    if question.filter != SagaFilter() or question.group is not None:
        if not complete:
            return ("No saga has matched so far; G looks at all of them, esc clears the filter.",)
        return ("No saga matches; esc clears the filter.",)
    if counts is None:
        return ()
    if not counts.all:
        return (f"No saga is recorded in {visible(store)} yet.", "Each shows here as it runs.")
    words = "Nothing has failed." if question.view == "failed" else "Nothing is running."
    every = f"all {counts.all:,} sagas" if counts.all > 1 else "the one saga that there is"
    return (f"{words} 3 shows {every}.",)
