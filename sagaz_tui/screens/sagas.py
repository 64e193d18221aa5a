"""The saga list: what failed, newest first, by error, live."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

from textual.app import ComposeResult
from textual.events import ScreenResume, ScreenSuspend
from textual.worker import Worker

from sagaz_core.errors import StorageError
from sagaz_tui.keys import bindings_for, keys_called
from sagaz_tui.saga_feed import SORTS, Counts, Newer, Question, SagaFeed, View
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.filter_line import FilterLine
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span
from sagaz_tui.widgets.saga_bars import (
    Freshness,
    empty_words,
    freshness_line,
    groups_line,
    title_line,
    views_line,
)
from sagaz_tui.widgets.saga_rows import head_line, no_start
from sagaz_tui.widgets.saga_table import SagaTable, notice

_QUIET: Final = 5.0
"""Seconds after which rows of running sagas are read again though nothing was written: a lease
may have lapsed."""
_SOON: Final = 0.5
"""Seconds after which counts that were put off are made up for."""
_PAUSE: Final = 0.15
"""Seconds between two looks at a store that is written all the time."""
_COUNT_SHARE: Final = 30
"""Counting may take one part in so many of the time."""
_LONGEST_RETRY: Final = 8.0
_STEP_HEADS: Final[dict[View, str]] = {"failed": "FAILED AT", "running": "AT", "all": "STEP"}


class SagasScreen(SagazScreen[None]):
    """The list of sagas in three views, with a filter, by error, kept up to date."""

    PLACE = "list"
    BINDINGS = [*bindings_for("list")]  # noqa: RUF012 - Textual declares it so

    def __init__(self) -> None:
        super().__init__()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._title, self._views = Bar(id="title"), Bar(id="views")
        self._groups, self._head = Bar(id="groups"), Bar(id="head")
        self._filter_line = FilterLine()
        self.table = SagaTable(self.sagaz.now)
        self._question = Question()
        self._feed: SagaFeed | None = None
        self._loaded = False
        self._more: Worker[None] | None = None
        self._cursor: int | None = None
        self._newer = Newer()
        self._counts: Counts | None = None
        self._count_again_at = 0.0
        self._count_due = False
        self._freshness = Freshness()
        self._trouble = ""
        self._filter_error = ""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield self._title
        yield self._views
        yield self._groups
        yield self._filter_line
        yield self._head
        yield self.table
        yield KeyFooter("list", self.sagaz.settings.keys, leave_out=("back",))

    # ------------------------------------------------------------------ coming and going

    def on_mount(self) -> None:
        """Ask for the first rows; nothing waits for anything else."""
        self.set_interval(1.0, self._tick)
        self._ask(self._question)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Follow the store while the list is seen."""
        if self._loaded or self._freshness.lost:
            self._start_following()

    def on_screen_suspend(self, event: ScreenSuspend) -> None:
        """Ask nothing while something else is on top."""
        self.workers.cancel_group(self, "follow")

    def _tick(self) -> None:
        if self.is_current:
            self._show_title()
            self.table.tick()

    # ------------------------------------------------------------------ rows

    def _ask(self, question: Question) -> None:
        """Show what answers a question; the old rows stay until the new ones are there."""
        self._question = question
        self._feed = SagaFeed(self.sagaz.storage, question, self.sagaz.now())
        self._loaded, self._newer = False, Newer()
        self._count_due, self._count_again_at = True, 0.0
        self._show_bars()
        self.in_background("rows", self._load_first, self._feed)

    async def _load_first(self, feed: SagaFeed) -> None:
        try:
            await self._load(feed)
        except StorageError as error:
            # Whoever follows next loads them first, even if nothing has been written.
            self._cursor = None
            self._lost(error, 1.0)
        if self.is_current:
            self._start_following()

    async def _load(self, feed: SagaFeed) -> None:
        # Asked for first, so that nothing written meanwhile is missed.
        cursor = await self.sagaz.storage.wait(None, 0)
        rows = await feed.next_rows()
        if feed is self._feed:
            self._loaded, self._cursor = True, cursor
            self.table.show(rows, step_head=_STEP_HEADS[self._question.view], from_top=True)
            self._found()
            self._show_notice()

    def on_saga_table_wants_more(self, message: SagaTable.WantsMore) -> None:
        """Get the next page before the last row is reached."""
        if self._more is None or self._more.is_finished:
            self._get_more(to_end=False)

    def _get_more(self, *, to_end: bool) -> None:
        feed = self._feed
        if self._loaded and feed is not None and not feed.complete:
            self._more = self.in_background("more", self._load_more, feed, to_end)

    async def _load_more(self, feed: SagaFeed, to_end: bool) -> None:
        chosen = self.table.answered
        try:
            while not feed.complete:
                rows = await feed.next_rows()
                if feed is not self._feed:
                    return
                self.table.extend(rows)
                if not to_end:
                    return
        except StorageError as error:
            self._lost(error, 1.0)
        if self.table.answered == chosen:
            self.table.select_last()

    # ------------------------------------------------------------------ live

    def _start_following(self) -> None:
        self.in_background("follow", self._follow)

    async def _follow(self) -> None:
        retry = 1.0
        while True:
            try:
                if self._count_due and self._feed is not None:
                    await self._count(self._feed)
                    self._show_bars()
                    self._show_notice()
                timeout = _SOON if self._count_due else _QUIET
                seen = await self.sagaz.storage.wait(self._cursor, timeout)
                if seen != self._cursor or self._count_due or self.table.moving:
                    await self._catch_up()
                self._cursor = seen
            except StorageError as error:
                self._cursor = None
                self._lost(error, retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LONGEST_RETRY)
                continue
            retry = 1.0
            self._found()
            await asyncio.sleep(_PAUSE)

    async def _catch_up(self) -> None:
        """Bring the rows in sight up to date where they stand, and gather what is newer."""
        feed = self._feed
        if feed is None:
            return
        if not self._loaded:
            await self._load(feed)
            return
        changed = await feed.refreshed(self.table.in_sight)
        newer = await feed.newer(self.table)
        if feed is not self._feed:
            return
        self.table.update(changed)
        self._newer = newer
        if newer.rows and not self.table.rows:
            self._take_in_newer()
        await self._count(feed)
        self._show_bars()
        self._show_notice()

    async def _count(self, feed: SagaFeed) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._count_due = begun < self._count_again_at
        if self._count_due:
            return
        counts = await feed.counts()
        ended = loop.time()
        if feed is self._feed:
            self._counts = counts
            self._count_again_at = ended + (ended - begun) * _COUNT_SHARE

    def _lost(self, error: StorageError, retry: float) -> None:
        self._freshness = Freshness(
            lost=True,
            since=self._freshness.since,
            retry_at=self.sagaz.now() + timedelta(seconds=retry),
        )
        self._trouble = str(error)
        self._show_title()
        self._show_notice()

    def _found(self) -> None:
        self._freshness = Freshness(since=self.sagaz.now())
        self._trouble = ""
        self._show_title()

    def _take_in_newer(self) -> None:
        if self._newer.more:
            self._ask(self._question)
            return
        rows = [*self._newer.rows, *self.table.rows]
        self._newer = Newer()
        self.table.show(rows, step_head=_STEP_HEADS[self._question.view], from_top=True)
        self._show_bars()

    # ------------------------------------------------------------------ what is shown

    def _show_bars(self) -> None:
        self._show_title()
        views, calls = views_line(self._question, self._counts)
        self._views.show(views, calls=calls)
        if self._filter_error:
            self._groups.show((Span(f" {self._filter_error}", "changed"),))
        else:
            self._show_groups()
        self._show_news()

    def _show_groups(self) -> None:
        key = keys_called("list.group", self.sagaz.settings.keys)
        groups, hint, calls = groups_line(self._counts, self._question.group, self.size.width, key)
        self._groups.show(groups, hint, calls)

    def _show_title(self) -> None:
        settings, storage = self.sagaz.settings, self.sagaz.storage
        left = title_line(storage.name, settings.production, read_only=settings.read_only)
        right = freshness_line(self._freshness, self.sagaz.now())
        self._title.show(left, right)

    def _show_news(self) -> None:
        news: Line = ()
        if self._newer.rows:
            number = f"{len(self._newer.rows)}{'+' if self._newer.more else ''}"
            key = keys_called("list.top", self.sagaz.settings.keys)
            news = (Span(f"↑ {number} newer ", "live"), Span(f"({key}) ", "muted"))
        elif self._question.sort != "newest":
            news = (Span(f"by {self._question.sort} ", "muted"),)
        self._filter_line.show_news(news, "top")

    def _show_notice(self) -> None:
        """Say why there are no rows, where there are none."""
        texts: tuple[str, ...] = ()
        if self._loaded:
            texts = empty_words(self._question, self._counts, self.sagaz.storage.name)
        elif self._trouble:
            texts = (visible(self._trouble), "It is tried again by itself.")
        self.table.set_notice(notice(*texts))

    def on_saga_table_laid_out(self, message: SagaTable.LaidOut) -> None:
        """Name the columns."""
        self._head.show(head_line(message.layout))

    # ------------------------------------------------------------------ keys

    def action_move(self, by: int) -> None:
        """Select another row."""
        self.table.move(by)

    def action_half(self, direction: int) -> None:
        """Go half a screen."""
        self.table.move_half(direction)

    def action_top(self) -> None:
        """Go to the top; what is newer is taken in."""
        if self._newer.rows:
            self._take_in_newer()
        else:
            self.table.select_first()

    def action_bottom(self) -> None:
        """Go to the last saga, loading those on the way."""
        self.table.select_last()
        self._get_more(to_end=True)

    def action_view(self, view: View) -> None:
        """Show another view."""
        if view != self._question.view:
            self._ask(replace(self._question, view=view, group=None))

    def action_sort(self) -> None:
        """Show in the next order."""
        following = SORTS[(SORTS.index(self._question.sort) + 1) % len(SORTS)]
        self._ask(replace(self._question, sort=following))

    def action_group(self) -> None:
        """Show only the next error, and after the last one all."""
        names = [name for name, _ in self._counts.groups] if self._counts else []
        if not names:
            self._say("no errors to go by here")
            return
        group = self._question.group
        place = names.index(group) + 1 if group in names else 0
        self._ask(replace(self._question, group=names[place] if place < len(names) else None))

    def action_choose_group(self, number: int) -> None:
        """Show only this error, or all if it was chosen already."""
        if self._counts and number < len(self._counts.groups):
            name = self._counts.groups[number][0]
            group = None if name == self._question.group else name
            self._ask(replace(self._question, group=group))

    def action_open(self) -> None:
        """Open the debugger on the saga that the person saw selected."""
        saga_id = self.table.answered
        if saga_id is not None:
            self._open(saga_id)

    def on_saga_table_opened(self, message: SagaTable.Opened) -> None:
        """Open the debugger on the row that was double-clicked."""
        self._open(message.saga_id)

    def _open(self, saga_id: str) -> None:
        from sagaz_tui.screens.debugger import DebuggerScreen

        self.app.push_screen(DebuggerScreen(saga_id))

    def action_copy(self) -> None:
        """Copy the saga's id."""
        if self.table.answered is not None:
            self.app.copy_to_clipboard(self.table.answered)
            self._say(f"copied {visible(self.table.answered)}")

    def action_plan(self) -> None:
        """Show what a replay would do."""
        self._open_plan(confirm=False)

    def action_replay(self) -> None:
        """Show what a replay would do, to be confirmed."""
        self._open_plan(confirm=True)

    def _open_plan(self, *, confirm: bool) -> None:
        from sagaz_tui.replay_process import ReplayRequest
        from sagaz_tui.screens.plan import PlanScreen

        row = self.table.selected
        if row is None or row.saga_id != self.table.answered:
            return
        if refusal := no_start(row):
            self._say(refusal)
            return
        request = ReplayRequest(row.saga_id, row.step_name or "")
        self.app.push_screen(PlanScreen(request, confirm=confirm), self._started)

    def _started(self, saga_id: str | None) -> None:
        if saga_id is not None:
            self._open(saga_id)

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=4)

    # ------------------------------------------------------------------ the filter line

    def action_filter(self) -> None:
        """Let the filter be typed."""
        self._filter_line.begin()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Show what the filter lets through."""
        self._filter_error = ""
        self._show_bars()
        if message.filter != self._question.filter:
            self._ask(replace(self._question, filter=message.filter, group=None))

    def on_filter_line_refused(self, message: FilterLine.Refused) -> None:
        """Say what is wrong with the filter; the rows stay."""
        self._filter_error = message.words
        self._show_bars()

    def action_back(self) -> None:
        """Leave the filter line as it was before, or else show all errors, or else clear it."""
        line = self._filter_line
        if line.typing:
            line.leave()
        elif self._question.group is not None:
            self._ask(replace(self._question, group=None))
        else:
            line.clear()
