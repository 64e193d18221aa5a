"""The saga list: what failed, newest first, by error, live."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import ScreenResume, ScreenSuspend
from textual.timer import Timer
from textual.widgets import Input, Static

from sagaz_core.errors import StorageError, UsageError
from sagaz_core.model import SagaSummary
from sagaz_tui.keys import bindings_for, keys_called
from sagaz_tui.saga_feed import SORTS, Counts, Newer, Question, SagaFeed, View
from sagaz_tui.saga_filter import SagaFilter, parse_filter
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, line_width
from sagaz_tui.widgets.saga_bars import (
    Freshness,
    freshness_line,
    groups_line,
    title_line,
    views_line,
)
from sagaz_tui.widgets.saga_rows import head_line
from sagaz_tui.widgets.saga_table import SagaTable, notice

_QUIET: Final = 5.0
"""Seconds after which the rows in sight are read again though nothing was written: a lease may
have lapsed."""
_PAUSE: Final = 0.15
"""Seconds between two looks at a store that is written all the time."""
_COUNT_SHARE: Final = 10
"""Counting may take one part in so many of the time."""
_LONGEST_RETRY: Final = 8.0
_TYPING: Final = 0.15
_STEP_HEADS: Final[dict[View, str]] = {"failed": "FAILED AT", "running": "AT", "all": "STEP"}


class SagasScreen(SagazScreen[None]):
    """The list of sagas in three views, with a filter, by error, kept up to date."""

    PLACE = "list"
    BINDINGS = [*bindings_for("list")]  # noqa: RUF012 - Textual declares it so

    def __init__(self) -> None:
        super().__init__()
        self._question = Question()
        self._feed: SagaFeed | None = None
        self._loaded = False
        self._loading = False
        self._newer = Newer()
        self._counts: Counts | None = None
        self._count_again_at = 0.0
        self._freshness = Freshness()
        self._trouble = ""
        self._filter_error = ""
        self._filter_before = ""
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield Bar(id="title")
        yield Bar(id="views")
        yield Bar(id="groups")
        with Horizontal(id="filter-line"):
            yield Static(" / ", markup=False)
            yield Input(placeholder="filter", id="filter", compact=True)
            yield Bar(id="news")
        yield Bar(id="head")
        yield SagaTable(self.sagaz.now, ascii=self.sagaz.ascii)
        yield KeyFooter("list", self.sagaz.settings.keys, leave_out=("back",))

    @property
    def table(self) -> SagaTable:
        """The rows."""
        return self.query_one(SagaTable)

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
        self._count_again_at = 0.0
        self._show_bars()
        self.in_background("rows", self._load_first, self._feed)

    async def _load_first(self, feed: SagaFeed) -> None:
        try:
            await self._load(feed)
        except StorageError as error:
            self._lost(error, 1.0)
        if self.is_current:
            self._start_following()

    async def _load(self, feed: SagaFeed) -> None:
        rows = await feed.next_rows()
        if feed is self._feed:
            self._loaded = True
            self.table.show(rows, step_head=_STEP_HEADS[self._question.view], from_top=True)
            self._show_notice()

    async def on_saga_table_wants_more(self, message: SagaTable.WantsMore) -> None:
        """Get the next page before the last row is reached."""
        feed = self._feed
        if self._loaded and not self._loading and feed is not None and not feed.complete:
            self._loading = True
            self.in_background("more", self._load_more, feed)

    async def _load_more(self, feed: SagaFeed) -> None:
        try:
            rows = await feed.next_rows()
        except StorageError as error:
            self._lost(error, 1.0)
            return
        finally:
            self._loading = False
        if feed is self._feed:
            self.table.extend(rows)

    async def _load_rest(self, feed: SagaFeed) -> None:
        end = self.table.answered
        while not feed.complete and feed is self._feed:
            await self._load_more(feed)
        if feed is self._feed and self.table.answered == end:
            self.table.select_last()

    # ------------------------------------------------------------------ live

    def _start_following(self) -> None:
        self.in_background("follow", self._follow)

    async def _follow(self) -> None:
        cursor, retry = None, 1.0
        while True:
            try:
                cursor = await self.sagaz.storage.wait(cursor, _QUIET)
                await self._catch_up()
            except StorageError as error:
                cursor = None
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
        if begun < self._count_again_at:
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
        self.query_one("#views", Bar).show(views, calls=calls)
        if self._filter_error:
            self.query_one("#groups", Bar).show((Span(f" {self._filter_error}", "changed"),))
        else:
            self._show_groups()
        self._show_news()

    def _show_groups(self) -> None:
        key = keys_called("list.group", self.sagaz.settings.keys)
        groups, hint, calls = groups_line(self._counts, self._question.group, self.size.width, key)
        self.query_one("#groups", Bar).show(groups, hint, calls)

    def _show_title(self) -> None:
        settings, storage = self.sagaz.settings, self.sagaz.storage
        left = title_line(storage.name, settings.production, read_only=settings.read_only)
        right = freshness_line(self._freshness, self.sagaz.now())
        self.query_one("#title", Bar).show(left, right)

    def _show_news(self) -> None:
        news: Line = ()
        if self._newer.rows:
            number = f"{len(self._newer.rows)}{'+' if self._newer.more else ''}"
            key = keys_called("list.top", self.sagaz.settings.keys)
            news = (Span(f"↑ {number} newer ", "live"), Span(f"({key}) ", "muted"))
        elif self._question.sort != "newest":
            news = (Span(f"by {self._question.sort} ", "muted"),)
        bar = self.query_one("#news", Bar)
        bar.styles.width = min(line_width(news), max(self.size.width - 20, 0))
        bar.show(news, calls={0: "top"})

    def _show_notice(self) -> None:
        self.table.set_notice(
            notice(*self._notice_texts()) if self._loaded or self._trouble else ()
        )

    def _notice_texts(self) -> tuple[str, ...]:
        store = visible(self.sagaz.storage.name)
        if self._trouble and not self._loaded:
            return (visible(self._trouble), "It is tried again by itself.")
        if self._question.contradicts:
            return ("Nothing here can have that status; 3 shows all sagas.",)
        if self._question.filter != SagaFilter() or self._question.group is not None:
            return ("No saga matches; esc clears the filter.",)
        if self._counts is None:
            return ()
        if not self._counts.all:
            return (f"No saga is recorded in {store} yet.", "Each shows here as it runs.")
        if self._question.view == "failed":
            return (f"Nothing has failed. 3 shows all {self._counts.all:,} sagas.",)
        return (f"Nothing is running. 3 shows all {self._counts.all:,} sagas.",)

    def on_saga_table_laid_out(self, message: SagaTable.LaidOut) -> None:
        """Name the columns."""
        self.query_one("#head", Bar).show(head_line(message.layout))

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
        feed = self._feed
        if self._loaded and feed is not None and not feed.complete:
            self.in_background("more", self._load_rest, feed)

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
        if refusal := _no_start(row):
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
        field = self.query_one("#filter", Input)
        self._filter_before = field.value
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter by what stands there once nothing more is typed."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_TYPING, self._apply_filter)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Filter now, and go back to the rows."""
        self._apply_filter()
        self.set_focus(None)

    def _apply_filter(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        try:
            wanted = parse_filter(self.query_one("#filter", Input).value)
        except UsageError as error:
            self._filter_error = visible(str(error))
            self._show_bars()
            return
        self._filter_error = ""
        self._show_bars()
        if wanted != self._question.filter:
            self._ask(replace(self._question, filter=wanted, group=None))

    def action_back(self) -> None:
        """Leave the filter line as it was before, or else show all errors, or else clear it."""
        field = self.query_one("#filter", Input)
        if self.focused is field:
            field.value = self._filter_before
            self.set_focus(None)
        elif self._question.group is not None:
            self._ask(replace(self._question, group=None))
        else:
            field.value = ""
        self._apply_filter()


def _no_start(row: SagaSummary) -> str:
    """Why a replay cannot start from this row; empty: it can."""
    saga_id = visible(row.saga_id)
    if row.recovered_by is not None:
        return f"{saga_id} was recovered already, by {visible(row.recovered_by)}"
    if row.status in ("executing", "compensating"):
        return f"{saga_id} is still running"
    if row.status == "completed" or row.step_name is None:
        return f"nothing failed in {saga_id}; open it to choose where to start"
    return ""
