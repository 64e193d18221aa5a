"""What a person asks of the checkpoint under the cursor: its values, and where they come from."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from textual import on
from textual.css.query import NoMatches
from textual.events import ScreenResume

from sagaz_core.errors import NotFoundError, StorageError
from sagaz_core.model import MISSING
from sagaz_tui.debugger.counterpart import pair_with
from sagaz_tui.debugger.moment import changes_among, set_since
from sagaz_tui.keys.table import keys_called
from sagaz_tui.screens.base import PATIENCE
from sagaz_tui.screens.history import HistoryScreen
from sagaz_tui.showing.clipboard import copied_words
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.values import value_text
from sagaz_tui.widgets.blame_list import BlameList
from sagaz_tui.widgets.context_rows import pointer_of
from sagaz_tui.widgets.debugger_panes import DebuggerPanes
from sagaz_tui.widgets.lineage_list import LineageList
from sagaz_tui.widgets.why import SinceMark

# What answers a question is imported once it is asked: the screen opens sooner without.
if TYPE_CHECKING:
    from sagaz_tui.debugger.destination import Progress
    from sagaz_tui.debugger.going import Go
    from sagaz_tui.debugger.key_values import KeyValues

_COPIED_AT_MOST: Final = 100_000


class ExplorerScreen(HistoryScreen):
    """A saga's history, and answers to questions about what is there."""

    def __init__(self, saga_id: str, *, at: int | None = None) -> None:
        super().__init__(saga_id, at=at)
        self._against_mark = False
        self._wanted: tuple[int, int] | None = None
        """The mark and the checkpoint that are to be compared next."""
        self._ending: tuple[str, str | None] | None = None
        """How the saga had ended when the family was read last."""
        self._blamed: KeyValues | None = None
        """What the pane beside shows of its key's values."""

    def _let_go(self) -> bool:
        """Leave what is open over the panes; False if nothing was."""
        if self._against_mark:
            self._leave_mark()
            return True
        return self._panes.let_go()

    # ------------------------------------------------------------ copying

    def action_copy(self) -> None:
        """Copy the value under the context's cursor; of a secret its mask, unless it is shown."""
        value = self._panes.context.shown
        if value is MISSING:
            return
        text = value if isinstance(value, str) else value_text(value, _COPIED_AT_MOST + 1)
        if len(text) > _COPIED_AT_MOST:
            self._say("more than 100,000 characters; unfold it and copy a part")
        else:
            self.copy(text, copied_words(value, f"of {pointer_of(self._panes.context.path)}"))

    def action_copy_path(self) -> None:
        """Copy the JSON Pointer of the context's cursor."""
        path = self._panes.context.path
        if path:
            self.copy(pointer_of(path), pointer_of(path))

    # ------------------------------------------------------------ blame

    def action_blame(self) -> None:
        """Show who set the key under the context's cursor."""
        key = self._panes.context.key
        if key is not None:
            from sagaz_tui.debugger.key_values import KeyValues
            from sagaz_tui.screens.blame import BlameScreen

            sequence = self._cursor.sequence
            values = KeyValues(self.storage, self.saga_id, key, sequence)
            self.app.push_screen(BlameScreen(key, sequence, values), self._go_to_blamed)

    def _go_to_blamed(self, sequence: int | None) -> None:
        if sequence is not None:
            self._go(sequence, jump=True)

    @on(DebuggerPanes.BlameWanted)
    def fill_blame_pane(self) -> None:
        """Read the values for the pane beside."""
        self.in_background("blame", self._fill_blame_pane)

    async def _fill_blame_pane(self) -> None:
        from sagaz_tui.debugger.key_values import KeyValues, values_in_sight

        key, sequence = self._panes.context.key, self._cursor.sequence
        if key is None:
            return
        # The title says that the store is out of reach, and the pane keeps what it has; or the
        # screen was taken down meanwhile.
        with suppress(StorageError, NoMatches):
            values = self._blamed
            if values is None or not values.tells_of(key, sequence):
                values = KeyValues(self.storage, self.saga_id, key, sequence)
                await values.read_older()
                self._blamed = values
            shown = self._panes.show_blame(key, values.entries, sequence)
            async for _ in values_in_sight(shown, values):
                pass

    @on(BlameList.WantsMore)
    def read_more_values(self) -> None:
        """Read on for the pane beside."""
        self.in_background("blame", self._read_more_values)

    async def _read_more_values(self) -> None:
        from sagaz_tui.debugger.key_values import values_in_sight

        with suppress(StorageError, NoMatches):
            if self._blamed is not None:
                async for _ in values_in_sight(self._panes.blame, self._blamed):
                    pass

    # ------------------------------------------------------------ going by what is typed

    async def find_place(self, go: Go, progress: Progress) -> int:
        """Return the number of the checkpoint that a person wants to go to.

        Raises:
            SagazError: the sentence says why there is none.
        """
        if self._view is None:
            raise NotFoundError("this saga has not been read yet; try again in a moment")
        from sagaz_tui.debugger.destination import Destinations

        places = Destinations(self.storage, self._session)
        return await places.find(go, self._cursor.sequence, progress)

    def go_to_place(self, sequence: int) -> None:
        """Go to a checkpoint that was found."""
        if self._view is not None:
            place = self._view.checkpoints.outline.place_of(sequence)
            self._go_to_index(place, jump=True)

    # ------------------------------------------------------------ what differs from a mark

    def action_mark(self) -> None:
        """Mark the cursor's checkpoint, or take its mark away."""
        if self._view is None:
            return
        here = self._cursor.sequence
        self._mark = None if self._mark == here else here
        self._show()
        self._compare_with_mark()

    def action_mark_diff(self) -> None:
        """Show what differs between the mark and wherever the cursor is, or no longer."""
        if self._mark is None:
            key = keys_called("debugger.mark", self.sagaz.settings.keys)
            self._say(f"no checkpoint is marked; {key} marks the one under the cursor")
        elif self._against_mark:
            self._leave_mark()
        else:
            self._against_mark = True
            self._panes.choose_diff()
            self._compare_with_mark()

    def _leave_mark(self) -> None:
        self._against_mark, self._wanted = False, None
        self._panes.show_since(None)
        self._panes.let_go()

    def _show_moment(self, sequence: int) -> None:
        super()._show_moment(sequence)
        self._compare_with_mark()

    def _compare_with_mark(self) -> None:
        if not self._against_mark:
            return
        if self._mark is None:
            self._leave_mark()
            return
        busy = self._wanted is not None
        self._wanted = (self._mark, self._cursor.sequence)
        # One at a time, however fast the cursor moves: a comparison cannot be stopped.
        if not busy:
            self.in_background("mark", self._show_since_mark)

    async def _show_since_mark(self) -> None:
        while (wanted := self._wanted) is not None:
            try:
                since = await self._since(*wanted)
            except StorageError as error:
                # The title says that the store is out of reach.
                since = SinceMark(*wanted, (), str(error))
            if self._wanted == wanted:
                self._wanted = None
            if self._against_mark and wanted[0] == self._mark:
                self._panes.show_since(since)

    async def _since(self, mark: int, sequence: int) -> SinceMark:
        earlier, later = sorted((mark, sequence))
        before, after = await self._session.moment(earlier), await self._session.moment(later)
        problem = before.problem or after.problem
        if before.snapshot is None or after.snapshot is None:
            return SinceMark(mark, sequence, (), problem)
        states = before.snapshot.state, after.snapshot.state
        changes = await asyncio.to_thread(changes_among, *states, set_since(before, after))
        return SinceMark(mark, sequence, changes)

    # ------------------------------------------------------------ other runs

    def action_lineage(self) -> None:
        """Show the saga's family as a tree."""
        from sagaz_tui.screens.lineage import LineageScreen

        self.app.push_screen(LineageScreen(self.saga_id), self._open_run)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Go on, the family with what has been added to it."""
        super().on_screen_resume(event)
        self.fill_lineage_pane()

    def _take_news(self) -> None:
        super()._take_news()
        saga = self._view.saga if self._view else None
        ending = (saga.status, saga.recovered_by) if saga else None
        if ending != self._ending:
            self._ending = ending
            self.fill_lineage_pane()

    @on(DebuggerPanes.LineageWanted)
    def fill_lineage_pane(self) -> None:
        """Read the family for the pane beside, if it is open."""
        if self._panes.is_huge and "debugger.lineage" not in self.MEANS_NOTHING:
            self.in_background("lineage", self._fill_lineage_pane)

    async def _fill_lineage_pane(self) -> None:
        from sagaz_core.history.lineage import lineage

        # As with the values of a key.
        with suppress(StorageError, NotFoundError, NoMatches):
            family = await lineage(self.saga_id, self.storage)
            self._panes.show_lineage(family, self.sagaz.now())

    @on(LineageList.Chosen)
    def open_chosen_run(self, event: LineageList.Chosen) -> None:
        """Open the run that was chosen in the pane beside."""
        self._open_run(event.saga_id)

    def _open_run(self, saga_id: str | None) -> None:
        from sagaz_tui.screens.debugger import DebuggerScreen

        if saga_id is not None and saga_id != self.saga_id:
            self.app.push_screen(DebuggerScreen(saga_id))

    async def action_compare(self) -> None:
        """Lay this saga beside its newest replay, or a replay beside its original."""
        if self._view is None:
            return
        from sagaz_tui.screens.compare import CompareScreen

        try:
            pair = await asyncio.wait_for(pair_with(self.sagaz.storage, self._view.saga), PATIENCE)
        except (TimeoutError, StorageError):
            self._say("the store cannot be read now; try again once it answers")
            return
        if pair is None:
            self._say(f"{visible(self.saga_id)} has no replay to compare it with")
        else:
            self.app.push_screen(CompareScreen(*pair))
