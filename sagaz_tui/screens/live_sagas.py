"""The rows of the saga list, kept in step with the store, and the bars over them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize, ScreenResume, ScreenSuspend
from textual.worker import Worker

from sagaz_core.errors import ExpressionError, StorageError
from sagaz_tui.keys.table import keys_called
from sagaz_tui.saga_list.counter import SagaCounter
from sagaz_tui.saga_list.feed import Counts, Newer, Question, SagaFeed, View
from sagaz_tui.saga_list.marks import Marks
from sagaz_tui.saga_list.outage import outage_line
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.filter_line import FilterLine
from sagaz_tui.widgets.lines import Span, line_width
from sagaz_tui.widgets.saga_bars import (
    Freshness,
    News,
    doubts_line,
    empty_words,
    freshness_line,
    groups_line,
    news_line,
    title_line,
    views_line,
)
from sagaz_tui.widgets.saga_rows import Layout, head_line
from sagaz_tui.widgets.saga_table import SagaTable

if TYPE_CHECKING:
    from sagaz_tui.widgets.saga_preview import SagaPreview

_QUIET: Final = 5.0
"""Seconds after which rows of running sagas are read again though nothing was written: a lease
may have lapsed."""
_PAUSE: Final = 0.15
"""Seconds between two looks at a store that is written all the time."""
_LOOK_AT: Final = 5_000
"""Of so many sagas an expression is asked before a person must want more of it."""
_PREVIEWED: Final = 200
"""The width from which on there is room for the selected saga beside the rows."""
_RETRY: Final = 1.0
_LONGEST_RETRY: Final = 8.0
_STEP_HEADS: Final[dict[View, str]] = {"failed": "FAILED AT", "running": "AT", "all": "STEP"}


class LiveSagas(SagazScreen[None]):
    """Shows what answers one question, and follows the store while it is seen.

    Rows, counts and what is newer come each in their own time: none waits for another.
    """

    CSS_PATH = "sagas.tcss"

    def __init__(self) -> None:
        super().__init__()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._title, self._views = Bar(id="title"), Bar(id="views")
        self._groups, self._head = Bar(id="groups"), Bar(id="head")
        self._filter_line = FilterLine()
        self._marks = Marks()
        self.table = SagaTable(self.sagaz.now, self._marks)
        self._preview: SagaPreview | None = None
        self._question = Question()
        self._feed: SagaFeed | None = None
        self._loaded = False
        self._more: Worker[None] | None = None
        self._cursor: int | None = None
        self._newer = Newer()
        self._counter = SagaCounter(self.sagaz.storage, self.sagaz.now, self._show_counts)
        self._freshness = Freshness()
        self._trouble = ""
        self._filter_error = ""
        self._layout: Layout | None = None
        self._marking = False
        self.filled.clear()

    def compose(self) -> ComposeResult:
        """Lay the bars and the rows out."""
        yield self.too_small()
        yield self._title
        yield self._views
        yield self._groups
        yield self._filter_line
        with Horizontal(id="beside"), Vertical(id="listed"):
            yield self._head
            yield self.table

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
        self.workers.cancel_group(self, "count")

    def displayed(self) -> None:
        """Let keys be meant for the rows once one of them has been seen to be selected."""
        there = self._loaded and (self.table.answered is not None or not self.table.rows)
        if there or self._trouble or self._filter_error:
            self.filled.set()

    def _tick(self) -> None:
        if self.is_current:
            self._show_title()
            self.table.tick()
            if not self._loaded:
                self._show_news()
            if self.sagaz.now().second == 0 and any(self._counter.failures):
                self._counter.want()

    # ------------------------------------------------------------------ rows

    def _ask(self, question: Question) -> None:
        """Show what answers a question; the old rows stay until the new ones are there."""
        self._question = question
        self._feed = SagaFeed(self.sagaz.storage, question, self.sagaz.now())
        self._counter.feed = self._feed
        self._loaded, self._newer = False, Newer()
        self._counter.want()
        self._filter_error = ""
        for group in ("count", "more"):
            self.workers.cancel_group(self, group)
        self._show_bars()
        self.in_background("rows", self._load_first, self._feed)

    async def _load_first(self, feed: SagaFeed) -> None:
        try:
            await self._load(feed)
        except StorageError as error:
            # Whoever follows next loads them first, even if nothing has been written.
            self._cursor = None
            self._lost(error, _RETRY)
        except ExpressionError as error:
            self._give_up(error)
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
            self._show_bars()
            self._show_notice()
            self._get_more(to_end=False)

    def on_saga_table_wants_more(self, message: SagaTable.WantsMore) -> None:
        """Get the next page before the last row is reached."""
        if self._more is None or self._more.is_finished:
            self._get_more(to_end=False)

    def _get_more(self, *, to_end: bool) -> None:
        feed = self._feed
        wanted = to_end or self.table.near_end
        if wanted and self._loaded and feed is not None and not feed.complete:
            self._more = self.in_background("more", self._load_more, feed, to_end)

    async def _load_more(self, feed: SagaFeed, to_end: bool) -> None:
        chosen = self.table.answered
        last = _looked_at(feed) + _LOOK_AT
        try:
            while not feed.complete and (to_end or self._wants(feed, last)):
                rows = await feed.next_rows()
                if feed is not self._feed:
                    return
                self.table.extend(rows)
                self._show_news()
                self._show_groups()
        except StorageError as error:
            self._lost(error, _RETRY)
        except ExpressionError as error:
            self._give_up(error)
        self._show_notice()
        if to_end and self.table.answered == chosen:
            self.table.select_last()

    def _wants(self, feed: SagaFeed, last: int) -> bool:
        return self.table.near_end and (feed.where is None or _looked_at(feed) < last)

    def _give_up(self, error: ExpressionError) -> None:
        """Ask nothing more by a filter that cannot be asked."""
        self._feed = self._counter.feed = None
        self._refuse_filter(visible(str(error)))

    def _refuse_filter(self, words: str) -> None:
        """Say what is wrong with the filter; the rows stay."""
        self._filter_error = words
        self._show_bars()

    # ------------------------------------------------------------------ live

    def _start_following(self) -> None:
        self.in_background("follow", self._follow)
        self.in_background("count", self._counter.run)

    async def _follow(self) -> None:
        retry = _RETRY
        while True:
            try:
                seen = await self.sagaz.storage.wait(self._cursor, _QUIET)
                if seen != self._cursor or self.table.moving:
                    await self._catch_up()
                self._cursor = seen
            except StorageError as error:
                self._cursor = None
                self._lost(error, retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LONGEST_RETRY)
                continue
            except ExpressionError as error:
                self._give_up(error)
            retry = _RETRY
            self._found()
            await asyncio.sleep(_PAUSE)

    async def _catch_up(self) -> None:
        """Bring the rows in sight up to date where they stand, and gather what is newer."""
        feed = self._feed
        if feed is None:
            return
        self._counter.want()
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
        self._show_bars()

    def _show_counts(self) -> None:
        self._show_bars()
        self._show_notice()

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

    @property
    def _counts(self) -> Counts | None:
        return self._counter.counts

    def _show_bars(self) -> None:
        self._show_title()
        self._show_views()
        self._show_groups()
        self._show_news()
        self._show_head()

    def _show_views(self) -> None:
        views, calls = views_line(self._question, self._counts)
        outage = outage_line(self._counter.failures, self.size.width, line_width(views))
        self._views.show(views, outage, calls)

    def _show_groups(self) -> None:
        if self._feed is not None and self._feed.where is not None:
            self._groups.show(doubts_line(self._feed))
            return
        key = keys_called("list.group", self.sagaz.settings.keys)
        groups, hint, calls = groups_line(self._counts, self._question.group, self.size.width, key)
        self._groups.show(groups, hint, calls)

    def _show_title(self) -> None:
        settings, storage = self.sagaz.settings, self.sagaz.storage
        left = title_line(storage.name, settings.production, limits=settings.limits)
        right = freshness_line(self._freshness, self.sagaz.now())
        self._title.show(left, right)

    def _show_news(self) -> None:
        feed, remapped = self._feed, self.sagaz.settings.keys
        news = News(
            newer=len(self._newer.rows),
            more=self._newer.more,
            marked=len(self._marks),
            marking=self._marking,
            sort=self._question.sort,
            looked_at=None if feed is None or feed.where is None else feed.where.looked_at,
            complete=feed is None or feed.complete,
            batch=self._batch_words,
        )
        keys = {name: keys_called(f"list.{name}", remapped) for name in ("top", "bottom")}
        keys["back"] = keys_called("back", remapped)
        keys["batches"] = keys_called("list.batches", remapped)
        self._filter_line.show_news(*news_line(news, keys))

    @property
    def _batch_words(self) -> str:
        """How far a batch is, whoever began it; empty: there is none to tell of."""
        return ""

    def _show_notice(self) -> None:
        """Say why there are no rows, where there are none."""
        texts: tuple[str, ...] = ()
        if self._loaded:
            complete = self._feed is None or self._feed.complete
            texts = empty_words(
                self._question, self._counts, self.sagaz.storage.name, complete=complete
            )
        elif self._trouble:
            texts = (self._trouble, "It is tried again by itself.")
        self.table.set_notice(texts)

    def on_resize(self, event: Resize) -> None:
        """Show the selected saga beside the rows where there is room for it."""
        wide = event.size.width >= _PREVIEWED
        self.set_class(wide, "-previewed")
        if wide and self._preview is None:
            # Imported here: what it draws with is the debugger's.
            from sagaz_tui.widgets.saga_preview import SagaPreview

            self._preview = SagaPreview()
            self.query_one("#beside").mount(Vertical(self._preview, id="preview"))
        self._show_choice()

    def on_saga_table_chosen(self, message: SagaTable.Chosen) -> None:
        """Show it beside the rows."""
        self._show_choice()

    def _show_choice(self) -> None:
        if self._preview is not None and self.has_class("-previewed"):
            self._preview.choose(self.sagaz.storage, self.table.selected)

    def on_saga_table_laid_out(self, message: SagaTable.LaidOut) -> None:
        """Name the columns."""
        self._layout = message.layout
        self._show_head()

    def _show_head(self) -> None:
        """Name the columns, or say under the filter what is wrong with it."""
        if self._filter_error:
            self._head.show((Span(f"   {self._filter_error}", "changed"),))
        elif self._layout is not None:
            self._head.show(head_line(self._layout))


def _looked_at(feed: SagaFeed) -> int:
    return 0 if feed.where is None else feed.where.looked_at
