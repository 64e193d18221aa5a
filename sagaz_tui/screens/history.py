"""Looking at one saga: one cursor, and panes that show what was true there and why."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.css.query import NoMatches
from textual.events import DescendantFocus, Resize, ScreenResume, ScreenSuspend
from textual.widgets import Static

from sagaz_core.errors import SagaForgottenError, SagaNotFoundError, StorageError
from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.debugger.counterpart import has_counterpart
from sagaz_tui.debugger.cursor import Cursor
from sagaz_tui.debugger.panes import context_state, opening_cursor, running_words, why_state
from sagaz_tui.debugger.quiet import Quiet, QuietWatch
from sagaz_tui.debugger.reading import MomentReader, Silence, Watch
from sagaz_tui.debugger.session import SagaSession, SagaView
from sagaz_tui.keys.table import Where, ids_in
from sagaz_tui.replaying.start import Start
from sagaz_tui.screens.base import PATIENCE, SagazScreen
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.debugger_panes import WIDE, DebuggerPanes, SearchInput
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.saga_title import id_words, link_words, saga_words
from sagaz_tui.widgets.scrubber import Scrubber, ScrubberState
from sagaz_tui.widgets.timeline import Timeline
from sagaz_tui.widgets.title_parts import Parts, fitted

_BETWEEN_PICTURES: Final = 0.1
_RETRY: Final = 1.0


class HistoryScreen(SagazScreen[None]):
    """A saga's history under one cursor.

    Args:
        saga_id: which saga. One that is not there yet is waited for.
        at: the checkpoint to begin at; None: where it failed, else the last one.
    """

    CSS_PATH = "debugger.tcss"
    IS_GHOST: ClassVar[bool] = False
    """Whether this is the history of a rehearsal, which did not happen."""

    def __init__(self, saga_id: str, *, at: int | None = None) -> None:
        super().__init__()
        self.saga_id = saga_id
        self._at = at
        self.filled.clear()
        self._ready = asyncio.Event()
        self._whole = asyncio.Event()
        """Set once the kinds of all checkpoints are known."""
        self._cursor = Cursor(0, following=True, unseen_after=0)
        self._shown: tuple[int, int | None] | None = None
        self._opened: Checkpoints | None = None
        """The history that the cursor is in."""
        self._stale = ""
        self._quiet: Quiet | None = None
        self._mark: int | None = None
        """A checkpoint that others are compared with."""
        remapped, unread = self.sagaz.settings.keys, ids_in("debugger")
        self._footer = KeyFooter("debugger", remapped, leave_out=unread)
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._title, self._panes = Bar(id="title"), DebuggerPanes(self.app.size.width)

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        self._session = SagaSession(self.storage, self.saga_id)
        self._reader = MomentReader(self._session, self._show_moment)
        self._watch = Watch(
            self.storage,
            self._session,
            changed=self._take_news,
            missing=self._say_missing,
            stale=self._say_stale,
        )
        self._quiet_watch = QuietWatch(self.storage, self._session, self._say_quiet)
        yield self.too_small()
        yield self._title
        yield Static(id="missing", markup=False)
        yield self._panes

    def on_mount(self) -> None:
        """Begin to read."""
        self._panes.context.focus()
        self.in_background("reader", self._reader.run)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Follow the store while this is seen."""
        self.in_background("watch", self._watch.run)
        self.in_background("quiet", self._quiet_watch.run)

    def on_screen_suspend(self, event: ScreenSuspend) -> None:
        """Ask nothing, and show no secret, while something else is on top."""
        self._panes.context.conceal()
        self.workers.cancel_group(self, "watch")
        self.workers.cancel_group(self, "quiet")

    def on_resize(self, event: Resize) -> None:
        """Open the panes there is room for."""
        self._panes.open_for(event.size.width)
        self._show_title()

    # ------------------------------------------------------------ what is known

    @property
    def _view(self) -> SagaView | None:
        view = self._session.view
        return view if view is not None and len(view.checkpoints) else None

    @property
    def start(self) -> Start | None:
        """Where a replay would begin; None: nothing failed."""
        return self._view.start if self._view else None

    def _take_news(self) -> None:
        view = self._view
        if view is None:
            return
        last = view.checkpoints.last_number
        if view.checkpoints is self._opened:
            self._cursor = self._cursor.grown(last)
        else:
            self._opened, self._shown, self._mark = view.checkpoints, None, None
            self._whole.clear()
            first = opening_cursor(view) if self._at is None else min(self._at, last)
            self._at = None
            self._cursor = Cursor(first, following=first == last, unseen_after=last)
            self.remove_class("-missing")
            self._ready.set()
            self.in_background("earlier", self._read_earlier)
        self._show()

    async def _read_earlier(self) -> None:
        """Learn the kinds of all checkpoints, the scrubber filling up as they come."""
        view = self._view
        if view is not None and view.checkpoints.outline.first_read > 1:
            # What the first keys ask for goes before what nobody has asked for.
            await self.until_filled()
            await asyncio.sleep(_BETWEEN_PICTURES)
        loop = asyncio.get_running_loop()
        shown_at = loop.time()
        while not self._whole.is_set():
            try:
                async for _ in self._session.read_earlier():
                    # What was undone or in conflict by now may be news to the panes.
                    self._shown = None
                    if loop.time() > shown_at + _BETWEEN_PICTURES:
                        self._show_read()
                        shown_at = loop.time()
            except StorageError:
                # The watch says that the store is out of reach.
                await asyncio.sleep(_RETRY)
            else:
                self._whole.set()
        self._show_read()
        if self._shown is None:
            self._reader.want(self._cursor.sequence)

    def _say_missing(self, error: SagaNotFoundError) -> None:
        self.add_class("-missing")
        text = f"{self.saga_id} is not in this store, or not yet"
        if isinstance(error, SagaForgottenError):
            text = str(error)
        self.query_one("#missing", Static).update(f"{visible(text)}; esc goes back")
        self._show_title()
        self.show_keys()
        self.filled.set()

    def _say_stale(self, silence: Silence | None) -> None:
        self._stale = ""
        if silence is not None:
            self._stale = f"stale {silence.since} s, retry in {silence.retry} s"
            if self._view is None:
                self.add_class("-missing")
                self.query_one("#missing", Static).update(visible(silence.reason))
                self.filled.set()
        self._show_title()
        self.show_keys()

    def _say_quiet(self, quiet: Quiet | None) -> None:
        self._quiet = quiet
        self._show_title()

    # ------------------------------------------------------------ what is shown

    def zone_changed(self) -> None:
        """Write the panes anew."""
        self._panes.write_anew()
        self._show_title()

    def _show(self) -> None:
        if self._view is None:
            return
        self._reader.want(self._cursor.sequence)
        if self._session.rows_are_known(self._cursor.sequence):
            self._show_read()
        else:
            self.in_background("rows", self._read_rows, self._cursor.sequence)

    async def _read_rows(self, sequence: int) -> None:
        # Where the store is out of reach, what is known is shown.
        with suppress(StorageError):
            await self._session.read_rows(sequence)
        self._show_read()

    def _show_read(self) -> None:
        # The screen may be taken down meanwhile.
        with suppress(NoMatches):
            self._show_place()

    def _show_place(self) -> None:
        view = self._view
        if view is None:
            return
        checkpoints = view.checkpoints
        place = ScrubberState(
            checkpoints,
            checkpoints.outline.place_of(self._cursor.sequence),
            checkpoints.outline.place_of(self.start.sequence) if self.start else None,
            running_words(view),
            checkpoints.version,
            None if self._mark is None else checkpoints.outline.place_of(self._mark),
            self.IS_GHOST,
        )
        self._panes.show_place(place)
        self._show_title()

    def _show_title(self) -> None:
        view = self._view
        failed = view.failure.step_name if view and view.failure else None
        left = id_words(self.saga_id)
        if view:
            left = saga_words(view.saga, failed, ghost=self.IS_GHOST)
        self._title.show(*fitted(left, self._link_words(), self.size.width))

    def _link_words(self) -> Parts:
        """Which store this is, and how live the screen."""
        last = self._view.checkpoints.last_number if self._view else 0
        return link_words(
            self.sagaz.settings.production,
            new=0 if self._cursor.following else last - self._cursor.unseen_after,
            stale=self._stale,
            limits=self.sagaz.settings.limits,
            quiet=self._quiet_words(),
        )

    def _quiet_words(self) -> tuple[str, str]:
        if self._quiet is None:
            return "", ""
        return self._quiet.words if self.size.width >= WIDE else self._quiet.short_words

    def _show_moment(self, sequence: int) -> None:
        view, moment = self._view, self._session.known(sequence)
        row = view.checkpoints.by_number(sequence) if view else None
        if view is None or moment is None or row is None:
            return
        # A checkpoint never changes; only what failed last may be news to its panes.
        shown = (sequence, view.failure.sequence if view.failure else None)
        if shown != self._shown:
            self._shown = shown
            # What was read may come while the screen is taken down.
            with suppress(NoMatches):
                self._panes.show_moment(context_state(view, moment), why_state(view, moment, row))
                self.show_keys()
                self.filled.set()

    @property
    def keys_go_to(self) -> Where:
        """The place whose keys are shown."""
        return "search" if isinstance(self.focused, SearchInput) else "debugger"

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show the keys that work where the keys go."""
        self.show_keys()

    def show_keys(self) -> None:
        """Show the keys that do something now."""
        self._footer.show(self.keys_go_to, leave_out=self.dead_keys())

    def dead_keys(self) -> set[str]:
        """Return the ids of the debugger's keys that do nothing now."""
        view = self._view
        if view is None or self.has_class("-missing"):
            return {*ids_in("debugger")} - {"debugger.log"}
        dead = {"debugger.next"} if len(view.checkpoints) < 2 else set()
        if not has_counterpart(view.saga):
            dead.add("debugger.compare")
        if self._panes.context.key is None:
            dead |= {"debugger.blame", "debugger.change"}
        if self._stale:
            dead |= {f"debugger.{verb}" for verb in ("blame", "change", "compare", "plan")}
        return dead

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=3)

    # ------------------------------------------------------------ moving

    def _go(self, sequence: int, *, jump: bool) -> None:
        if self._view is not None:
            last = self._view.checkpoints.last_number
            move = self._cursor.jump if jump else self._cursor.to
            self._cursor = move(sequence, last)
            self._show()

    def _go_to_index(self, index: int, *, jump: bool) -> None:
        if self._view is not None:
            index = min(max(index, 0), len(self._view.checkpoints) - 1)
            self._go(self._view.checkpoints.outline.number_at(index), jump=jump)

    def action_step(self, steps: int) -> None:
        """Go so many checkpoints on; back if negative."""
        if self._view is not None:
            here = self._view.checkpoints.outline.place_of(self._cursor.sequence)
            self._go_to_index(here + steps, jump=False)

    def action_first(self) -> None:
        """Go to the first checkpoint."""
        self._go_to_index(0, jump=True)

    def action_last(self) -> None:
        """Go to the last checkpoint and follow."""
        if self._view is not None:
            self._go_to_index(len(self._view.checkpoints) - 1, jump=True)

    async def action_failure(self, direction: int) -> None:
        """Go to the nearest failure in a direction."""
        if self._view is None:
            return
        here, outline = self._cursor.sequence, self._view.checkpoints.outline
        found = outline.failure_near(here, direction)
        if not self._whole.is_set() and (found is None or direction > 0):
            try:
                await asyncio.wait_for(self._whole.wait(), PATIENCE)
            except TimeoutError:
                self._say("not all checkpoints have been read yet; try again in a moment")
                return
            found = outline.failure_near(here, direction)
        if found is not None:
            self._go(found, jump=True)
        else:
            self._say(f"no failure {'after' if direction > 0 else 'before'} #{here}")

    async def action_change(self, direction: int) -> None:
        """Go to the nearest change of the context cursor's key."""
        key = self._panes.context.key
        if key is None:
            return
        here = self._cursor.sequence
        try:
            found = await asyncio.wait_for(
                self._session.next_change(key, here, direction), PATIENCE
            )
        except (TimeoutError, StorageError):
            self._say("the store cannot be read now; try again once it answers")
            return
        if found is not None:
            self._go(found, jump=True)
        else:
            where = "after" if direction > 0 else "before"
            self._say(f"{visible(key)} does not change {where} #{here}")

    def action_jump_back(self) -> None:
        """Go where the last jump came from."""
        if self._view is None:
            return
        if not self._cursor.jumps:
            self._say("no jump to go back from")
            return
        self._cursor = self._cursor.back(self._view.checkpoints.last_number)
        self._show()

    @on(Timeline.RowsWanted)
    def read_wanted_rows(self, event: Timeline.RowsWanted) -> None:
        """Read rows that were scrolled to."""
        if self._view is not None:
            number = self._view.checkpoints.outline.number_at(event.index)
            self.in_background("rows", self._read_rows, number)

    @on(Scrubber.Seek)
    @on(Timeline.Seek)
    def seek(self, event: Scrubber.Seek | Timeline.Seek) -> None:
        """Go where a row or the pointer says."""
        self._go_to_index(event.index, jump=False)

    # ------------------------------------------------------------ panes

    def action_pane(self, number: int) -> None:
        """Give the keys to a pane."""
        self._panes.give_keys(number)

    def action_next_pane(self) -> None:
        """Give the keys to the next pane."""
        self._panes.give_keys_on(1)

    def action_previous_pane(self) -> None:
        """Give the keys to the pane before."""
        self._panes.give_keys_on(-1)

    def action_search(self) -> None:
        """Search the context."""
        self._panes.open_search()
