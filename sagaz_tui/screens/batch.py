"""A batch under way, whoever began it: how far it is, what came of it, and what needs a look."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.events import Resize

from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.acting import why_not
from sagaz_tui.batch.journal import JournaledBatch
from sagaz_tui.batch.request import resume_command
from sagaz_tui.batch.run import BatchRun
from sagaz_tui.keys.table import bindings_for, keys_called
from sagaz_tui.replaying.stopping import CannotStopError
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.screens.batch_resume import BatchResumeScreen, Resumption
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.batch_lines import (
    counts_line,
    end_words,
    errors_line,
    progress_line,
    title_line,
)
from sagaz_tui.widgets.batch_pane import BatchPane
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, TextPane, Token
from sagaz_tui.widgets.safe_text import wrap

if TYPE_CHECKING:
    from sagaz_core.model import BatchLogEntry

_BETWEEN_LOOKS: Final = 0.1
_SHARE: Final = 3
"""Looking takes at most one part in so many of the time."""
_QUIET: Final = 2.0
"""Seconds after which it is looked at again though nothing was written: its process may be gone."""
_LONGEST_RETRY: Final = 8.0
_STOPS: Final = 2
_END_LINES: Final = 6


class BatchScreen(SagazScreen[None]):
    """Follows a batch; leaving it stops nothing.

    Args:
        batch: by what its process writes, or by what the store tells of it.
    """

    CSS_PATH = "batch.tcss"
    PLACE = "progress"
    BINDINGS = [*bindings_for("progress")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, batch: BatchRun | JournaledBatch) -> None:
        super().__init__()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._title, self._words = Bar(id="title"), Bar(id="words")
        self._progress, self._counts = Bar(id="progress"), Bar(id="counts")
        self._errors, self._end = Bar(id="errors"), TextPane(id="end")
        self._pane = BatchPane()
        self._footer = KeyFooter("progress", self.sagaz.settings.keys)
        self.followed = batch
        self._entry: BatchLogEntry | None = None
        self._learnt = False
        """Whether it is known what had become of it before this process went on with it."""
        self._stale = ""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield self._title
        yield self._progress
        yield self._counts
        yield self._errors
        yield self._end
        yield self._pane
        yield self._words
        yield self._footer

    def on_mount(self) -> None:
        """Follow it."""
        self._end.can_focus = False
        self._follow_from_now(self.followed)

    def on_resize(self, event: Resize) -> None:
        """Lay the lines out anew."""
        self._show()

    # ------------------------------------------------------------------ following

    def _follow_from_now(self, batch: BatchRun | JournaledBatch) -> None:
        self.followed = batch
        self._learnt = False
        self._show()
        self.in_background("follow", self._follow, batch)

    async def _follow(self, batch: BatchRun | JournaledBatch) -> None:
        loop, retry = asyncio.get_running_loop(), 1.0
        cursor: int | None = None
        while True:
            try:
                if isinstance(batch, JournaledBatch):
                    cursor = await self.storage.wait(cursor, _QUIET)
                begun = loop.time()
                await batch.refresh()
                await self._look_in_journal(batch)
            except (StorageError, OSError) as error:
                cursor = None
                self._stale = f"stale, retry in {retry:.0f} s: {visible(str(error))}"
                self._show()
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LONGEST_RETRY)
                continue
            self._stale, retry = "", 1.0
            self._show()
            if isinstance(batch, BatchRun) and batch.over:
                return
            await asyncio.sleep(max(_BETWEEN_LOOKS, (loop.time() - begun) * _SHARE))

    async def _look_in_journal(self, batch: BatchRun | JournaledBatch) -> None:
        """Learn what was before, once it is known which batch it is, and how it ended."""
        if isinstance(batch, JournaledBatch):
            self._entry = batch.standing.entry
            return
        batch_id = batch.progress.batch_id
        if batch_id is None or (self._learnt and not batch.over):
            return
        self._entry = await self.storage.get_batch(batch_id)
        if self._entry is not None:
            await batch.learn(self.storage, self._entry)
            self._learnt = True

    # ------------------------------------------------------------------ what is shown

    def _show(self) -> None:
        progress, width, over = self.followed.progress, self.size.width, self.followed.over
        if progress.total:
            self._progress.show(progress_line(progress, width, over=over))
        else:
            self._progress.show(() if over else (Span(" starting…", "live"),))
        self._counts.show(counts_line(progress))
        self._errors.show(errors_line(progress))
        self._pane.set_items(progress.troubled)
        state, token = self._state
        name = progress.batch_id or ""
        label = self.sagaz.settings.production
        self._title.show(*title_line(progress.total, name, state, token, label))
        self._show_end_words()
        self._show_words()
        only_looks = bool(why_not(self.sagaz.settings, ""))
        meaningless = {
            "progress.open": self._pane.selected is None,
            "progress.down": self._pane.count < 2,
            "progress.stop": over or self.followed.stops >= _STOPS or only_looks,
            "progress.resume": not self._goes_on or only_looks or bool(self._stale),
            "progress.copy": not self._goes_on,
        }
        self._footer.show("progress", leave_out=[key for key, none in meaningless.items() if none])

    @property
    def _state(self) -> tuple[str, Token]:
        batch, progress = self.followed, self.followed.progress
        if self._stale:
            return "STALE", "changed"
        if not batch.over:
            return "STOPPING" if batch.stops else "RUNNING", "live"
        if isinstance(batch, JournaledBatch) and batch.standing.state == "interrupted":
            return "INTERRUPTED", "changed"
        if batch.trouble:
            return ("CANCELLED", "changed") if batch.stops else ("ENDED EARLY", "fail")
        if progress.left:
            return "STOPPED", "changed"
        fine = progress.counts["succeeded"] == progress.total
        return "COMPLETED", "ok" if fine else "changed"

    @property
    def _goes_on(self) -> bool:
        """Whether it is over with some of its sagas left, or in doubt."""
        progress = self.followed.progress
        left = progress.left or progress.counts["in_doubt"]
        return self.followed.over and self._entry is not None and bool(left)

    def _show_end_words(self) -> None:
        """Say why it is over, where it ended otherwise than well."""
        words: list[str] = []
        if self.followed.over:
            because = self._entry.stopped_because if self._entry and self._goes_on else None
            if self._state[0] == "CANCELLED":
                words = ["those that were under way have been cancelled, and undone"]
            elif trouble := self.followed.trouble:
                words = [trouble]
            else:
                words = end_words(self.followed.progress, because)
        width = max(self.size.width - 2, 10)
        parts = [part for text in words for part in wrap(text, width, _END_LINES)]
        lines: list[Line] = [(Span(f" {part}", "text"),) for part in parts]
        self._end.display = bool(lines)
        self._end.styles.height = len(lines)
        self._end.set_lines(lines, from_top=True)

    def _show_words(self) -> None:
        """Say what goes on if nothing is done, and what a key would change."""
        if self._stale:
            self._words.show((Span(f" {self._stale}", "changed"),))
        elif not self.followed.over:
            self._words.show((Span(f" {self._while_running()}", "muted"),))
        elif not self._goes_on:
            self._words.show(())
        elif text := why_not(self.sagaz.settings, "it is not gone on with"):
            self._words.show((Span(f" {text}", "muted"),))
        else:
            key = keys_called("progress.resume", self.sagaz.settings.keys)
            progress = self.followed.progress
            left, what = progress.left, "left"
            if not left:
                left, what = progress.counts["in_doubt"], "in doubt"
            text = f" goes on with the {f'{left:,} that are' if left > 1 else 'one that is'} {what}"
            self._words.show((Span(f" {key}", "live", bold=True), Span(text, "text")))

    def _while_running(self) -> str:
        key = keys_called("progress.stop", self.sagaz.settings.keys)
        batch = self.followed
        if batch.stops:
            return (
                f"those under way come to their end; {key} again cancels them, and they undo"
                if batch.stops < _STOPS
                else "cancelling: those under way undo what they did"
            )
        if isinstance(batch, JournaledBatch):
            who = visible(batch.standing.owner or batch.standing.entry.initiated_by)
            looks = why_not(self.sagaz.settings, "")
            stop = "" if looks else f"; {key} stops it after those under way"
            return f"{who} works on it{stop}"
        if batch.progress.canary is not None:
            first = visible(batch.progress.canary)
            return f"{first} runs first, alone; leaving stops nothing, {key} does"
        return f"it goes on if you leave; {key} stops it after those under way"

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=4)

    # ------------------------------------------------------------------ keys

    def action_open(self) -> None:
        """Open the selected saga, or its replay."""
        if self._pane.selected is not None:
            from sagaz_tui.screens.debugger import DebuggerScreen

            self.app.push_screen(DebuggerScreen(self._pane.selected.opens))

    def action_move(self, by: int) -> None:
        """Select another saga."""
        self._pane.move(by)

    def action_stop(self) -> None:
        """Let those under way end and start no more; once more: cancel them."""
        if self.followed.over or self.followed.stops >= _STOPS:
            return
        if refusal := why_not(self.sagaz.settings, "nothing is stopped"):
            self._say(refusal)
            return
        try:
            self.followed.stop()
        except CannotStopError as error:
            self._say(str(error))
        self._show()

    def action_resume(self) -> None:
        """Ask whether to go on with what is left."""
        if not self._goes_on:
            return
        if refusal := why_not(self.sagaz.settings, "it is not gone on with"):
            self._say(refusal)
        elif self._stale:
            self._say("the store is out of reach; go on once it answers")
        else:
            self.app.push_screen(BatchResumeScreen(self.followed.progress), self._resume)

    def _resume(self, how: Resumption | None) -> None:
        batch_id = self.followed.progress.batch_id
        if how is None or batch_id is None:
            return
        try:
            run = BatchRun.resume(
                self.sagaz.settings, batch_id, canary=how.canary, in_doubt=how.in_doubt
            )
        except SagazError as error:
            self._say(str(error))
        else:
            run.progress.total = self.followed.progress.total
            self._follow_from_now(run)

    def action_copy(self) -> None:
        """Copy the command that goes on with it."""
        batch_id = self.followed.progress.batch_id
        if batch_id is not None:
            self.copy(resume_command(batch_id, self.sagaz.settings), "as a command")

    def action_back(self) -> None:
        """Leave; what has been started goes on."""
        self.dismiss(None)
