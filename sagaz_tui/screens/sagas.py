"""The saga list: what failed, newest first, by error, live."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.events import ScreenSuspend

from sagaz_core.errors import ExpressionError, StorageError, UsageError
from sagaz_tui.acting import why_not
from sagaz_tui.batch.news import BatchNews
from sagaz_tui.debugger.counterpart import pair_with
from sagaz_tui.keys.table import bindings_for, ids_in
from sagaz_tui.saga_list.feed import SORTS, SagaFeed, View
from sagaz_tui.saga_list.filter import SagaFilter
from sagaz_tui.screens.base import PATIENCE
from sagaz_tui.screens.live_sagas import LiveSagas
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.filter_line import FilterLine
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.saga_rows import no_start
from sagaz_tui.widgets.saga_table import SagaTable

if TYPE_CHECKING:
    from sagaz_tui.batch.news import Batch
    from sagaz_tui.batch.run import BatchRun


class SagasScreen(LiveSagas):
    """What a person can do with the list: choose, mark, open, plan."""

    PLACE = "list"
    BINDINGS = [*bindings_for("list")]  # noqa: RUF012 - Textual declares it so

    def __init__(self) -> None:
        super().__init__()
        self._footer = KeyFooter("list", self.sagaz.settings.keys, leave_out=ids_in("list"))
        self._batches = BatchNews(self.sagaz.storage, self._show_news)
        self._marked_all = asyncio.Event()
        self._marked_all.set()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield from super().compose()
        yield self._footer

    def on_descendant_focus(self) -> None:
        """Show what keys do in the filter while it is typed."""
        self._footer.show("filter")

    def on_descendant_blur(self) -> None:
        """Show what they do in the list again."""
        self._show_keys()

    def _show_keys(self) -> None:
        # Asked of the screen: the line may be taken down already.
        if self.focused is self._filter_line.field:
            return
        row, marked = self.table.selected, len(self._marks)
        refused = row is None or bool(no_start(row))
        lost = self._freshness.lost
        dead = {
            "back": True,
            "list.open": row is None,
            "list.mark": row is None,
            "list.plan": refused or lost,
            "list.replay": (refused and not marked)
            or lost
            or bool(why_not(self.sagaz.settings, "")),
            "list.compare": lost or (marked != 2 if marked else row is None),
            "list.sort": row is None,
            "list.group": self._counts is None or not self._counts.groups,
        }
        left_out = [key for key, none in dead.items() if none]
        self._footer.show("list", leave_out=left_out)

    def _show_bars(self) -> None:
        super()._show_bars()
        self._show_keys()

    def _show_choice(self) -> None:
        super()._show_choice()
        self._show_keys()

    def _show_title(self) -> None:
        super()._show_title()
        self._show_keys()

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
            self.copy(self.table.answered, self.table.answered)

    def action_plan(self) -> None:
        """Show what a replay would do."""
        self._open_plan(confirm=False)

    async def action_replay(self) -> None:
        """Show what a replay would do, to be confirmed: of the marked sagas, else of this one."""
        if not await self._all_are_marked():
            return
        if self._marks:
            self._open_preview()
        else:
            self._open_plan(confirm=True)

    def _open_preview(self) -> None:
        from sagaz_tui.batch.request import BatchRequest
        from sagaz_tui.screens.batch_preview import BatchPreviewScreen

        self.app.push_screen(BatchPreviewScreen(BatchRequest(self.marked)), self._batch_started)

    def _batch_started(self, run: BatchRun | None) -> None:
        if run is not None:
            self._marks.clear()
            self._show_marks()
            self._batches.take(run)
            self._open_batch(run)

    def action_batches(self) -> None:
        """Show the batches of this store."""
        from sagaz_tui.screens.batches import BatchesScreen

        self.app.push_screen(BatchesScreen(), self._batch_chosen)

    def _batch_chosen(self, batch_id: str | None) -> None:
        if batch_id is not None:
            self.in_background("batch-chosen", self._open_chosen, batch_id)

    async def _open_chosen(self, batch_id: str) -> None:
        try:
            batch = await self._batches.find(batch_id)
        except StorageError:
            self._say("the store cannot be read now; try again once it answers")
            return
        if batch is not None:
            self._open_batch(batch)

    def _open_batch(self, batch: Batch) -> None:
        from sagaz_tui.screens.batch import BatchScreen

        screen = BatchScreen(batch)

        def left(result: None) -> None:
            self._batches.left(screen.followed)

        self.app.push_screen(screen, left)

    @property
    def _batch_words(self) -> str:
        return self._batches.words

    def _start_following(self) -> None:
        super()._start_following()
        self.in_background("batch", self._batches.run)

    def on_screen_suspend(self, event: ScreenSuspend) -> None:
        """Look for no batches while something else is on top."""
        super().on_screen_suspend(event)
        self.workers.cancel_group(self, "batch")

    def _open_plan(self, *, confirm: bool) -> None:
        from sagaz_tui.replaying.process import ReplayRequest
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

    async def action_compare(self) -> None:
        """Lay the two marked sagas side by side, else this one and its newest replay."""
        from sagaz_tui.screens.compare import CompareScreen

        if not await self._all_are_marked():
            return
        if len(self.marked) > 2:
            self._say(f"{len(self.marked)} sagas are marked; mark two to compare them")
            return
        pair = self.marked if len(self.marked) == 2 else await self._pair_of_selected()
        if pair is not None:
            self.app.push_screen(CompareScreen(*pair))

    async def _pair_of_selected(self) -> tuple[str, str] | None:
        row = self.table.selected
        if row is None or row.saga_id != self.table.answered:
            return None
        try:
            pair = await asyncio.wait_for(pair_with(self.sagaz.storage, row), PATIENCE)
        except (TimeoutError, StorageError):
            self._say("the store cannot be read now; try again once it answers")
            return None
        if pair is None:
            self._say(f"{visible(row.saga_id)} has no replay to compare it with; mark two sagas")
        return pair

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=4)

    # ------------------------------------------------------------------ marks

    @property
    def marked(self) -> tuple[str, ...]:
        """The ids that are marked, in the order in which they were."""
        return self._marks.ids

    def action_mark(self) -> None:
        """Mark the selected saga, or take its mark away."""
        if self.table.answered is not None:
            self._marks.turn(self.table.answered)
            self._show_marks()

    def action_mark_all(self) -> None:
        """Mark all that match now; what comes later is not among them."""
        try:
            # As it stands there, though it may not have been dealt with yet.
            self._filter_by(self._filter_line.meant)
        except UsageError:
            self._say("the filter cannot be read, so nothing is marked")
            return
        self._marking = True
        self._marked_all.clear()
        self._show_marks()
        # The order of the store comes page by page, whatever the list is sorted by.
        question = replace(self._question, sort="newest")
        feed = SagaFeed(self.sagaz.storage, question, self.sagaz.now())
        self.in_background("mark", self._mark_those_of, feed)

    async def _mark_those_of(self, feed: SagaFeed) -> None:
        try:
            while not feed.complete:
                self._marks.add([row.saga_id for row in await feed.next_rows()])
                self._show_marks()
        except (StorageError, ExpressionError) as error:
            self._say(f"not all are marked: {visible(str(error))}")
        finally:
            self._marking = False
            self._marked_all.set()
            self._show_marks()

    async def _all_are_marked(self) -> bool:
        """Wait for all that match to be marked; False: that takes long, which is said."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._marked_all.wait(), PATIENCE)
        if self._marking:
            self._say("not all are marked yet; try again in a moment, or esc keeps those that are")
        return not self._marking

    def _show_marks(self) -> None:
        self.table.refresh()
        self._show_news()

    # ------------------------------------------------------------------ the filter line

    def action_filter(self) -> None:
        """Let the filter be typed."""
        self._filter_line.begin()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Show what the filter lets through."""
        if message.filter == self._question.filter:
            self._filter_error = ""
            self._show_bars()
        self._filter_by(message.filter)

    def _filter_by(self, filter: SagaFilter) -> None:
        if filter != self._question.filter:
            self._ask(replace(self._question, filter=filter, group=None))

    def on_filter_line_refused(self, message: FilterLine.Refused) -> None:
        """Say what is wrong with the filter."""
        self._refuse_filter(message.words)

    def action_back(self) -> None:
        """Take back one thing: what is typed, the marks, the one error, the filter."""
        line = self._filter_line
        if line.typing:
            line.leave()
        elif self._marking:
            self.workers.cancel_group(self, "mark")
        elif self._marks:
            self._marks.clear()
            self._show_marks()
        elif self._question.group is not None:
            self._ask(replace(self._question, group=None))
        else:
            line.clear()
