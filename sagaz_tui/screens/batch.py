"""A batch: what it would do, asked about, then how far it is, and what came of it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Event, Resize
from textual.widgets import Input

from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.batch_run import BatchRequest, BatchRun, make_preview
from sagaz_tui.keys import bindings_for, keys_called
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.screens.plan import PlanPane
from sagaz_tui.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.batch_lines import (
    counts_line,
    end_words,
    errors_line,
    preview_lines,
    progress_line,
)
from sagaz_tui.widgets.batch_pane import BatchPane
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, TextPane, Token, line_width
from sagaz_tui.widgets.plan_lines import wrapped

if TYPE_CHECKING:
    from sagaz_core.replay.batch import BatchPreview

_BETWEEN_LOOKS: Final = 0.1
_STOPS: Final = 2
_OPTIONAL: Final = frozenset({"batch.enter", "batch.stop", "batch.copy"})


class BatchScreen(SagazScreen[None]):
    """Shows a batch before it runs, and follows it then; leaving it stops nothing.

    Only a key that arrives after the preview has been painted can start it.

    Args:
        batch: what is asked for, or a batch that is under way or over already.
        started: called with the run as soon as there is one.
    """

    CSS_PATH = "batch.tcss"
    PLACE = "batch"
    BINDINGS = [*bindings_for("batch")]  # noqa: RUF012 - Textual declares it so

    def __init__(
        self, batch: BatchRequest | BatchRun, *, started: Callable[[BatchRun], None]
    ) -> None:
        super().__init__()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._title, self._question = Bar(id="title"), Bar(id="question")
        self._progress, self._counts = Bar(id="progress"), Bar(id="counts")
        self._errors = Bar(id="errors")
        self._plans, self._pane = PlanPane(), BatchPane()
        self._end = TextPane(id="end")
        self._typed = Input(id="typed", compact=True, disabled=True)
        self._footer = KeyFooter("batch", self.sagaz.settings.keys, leave_out=_OPTIONAL)
        self.run = batch if isinstance(batch, BatchRun) else None
        self.request = batch.request if isinstance(batch, BatchRun) else batch
        self._tell_started = started
        self._preview: BatchPreview | None = None
        self._trouble = ""
        self._end_words: list[str] = []
        self._shown_at: float | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield self._title
        yield self._progress
        yield self._counts
        yield self._errors
        yield self._end
        yield self._plans
        yield self._pane
        with Horizontal(id="ask"):
            yield self._question
            yield self._typed
        yield self._footer

    def on_mount(self) -> None:
        """Plan it, or follow it where it is under way already."""
        if self.run is not None:
            self._begin(self.run)
            return
        self._show_title("NOTHING HAS RUN", "ghost")
        self._ask((Span(" planning…", "muted"),))
        self.in_background("plan", self._make)

    def on_resize(self, event: Resize) -> None:
        """Lay the lines out anew."""
        if self.run is not None:
            self._show_run()
        elif self._preview is not None or self._trouble:
            self._show_preview()

    # ------------------------------------------------------------------ before it runs

    async def _make(self) -> None:
        try:
            self._preview = await make_preview(self.sagaz.settings, self.request, self._planned)
        except SagazError as error:
            self._trouble = str(error)
        self._show_preview()

    def _planned(self, done: int, total: int) -> None:
        if self._preview is None and self.is_attached:
            self._ask((Span(f" planning {done:,} of {total:,}…", "muted"),))

    def _show_preview(self) -> None:
        """Show what it would do; nothing can be confirmed until that is painted."""
        self._shown_at = None
        width = self._plans.text_width
        lines: list[Line] = []
        if self._trouble:
            lines += [*wrapped(self._trouble, width, "fail", lead="✗"), ()]
        if self._preview is not None:
            lines += preview_lines(self._preview, width)
        self._plans.set_plan(lines)
        refusal = self._refusal()
        self._ask(refusal or self._invitation())
        self._footer.show("batch", leave_out=_OPTIONAL - {"batch.copy"} - self._can(not refusal))

    @staticmethod
    def _can(enter: bool) -> set[str]:
        return {"batch.enter"} if enter else set()

    def displayed(self) -> None:
        """Let keys confirm that come from now on: the preview is on the terminal."""
        if self._shown_at is None and self._plans.drawn:
            self._shown_at = Event().time
            self.call_next(self._let_be_typed)

    def _let_be_typed(self) -> None:
        if self.sagaz.settings.production and self.run is None and not self._refusal():
            self._typed.disabled = False
            self.set_focus(self._typed)

    def _invitation(self) -> Line:
        assert self._preview is not None
        runs = self._preview.runs
        if self.sagaz.settings.production:
            label = visible(self.sagaz.settings.production)
            text = f" {label} is in production. Type {runs} and why to run them: "
            return (Span(text, "changed", bold=True),)
        key = keys_called("batch.enter", self.sagaz.settings.keys)
        many = f"replays {runs:,} sagas, one first, then the others" if runs > 1 else "replays it"
        return (Span(f" {key}", "live", bold=True), Span(f" {many}", "text", bold=True))

    def _refusal(self) -> Line:
        """Why this cannot be confirmed; empty: it can."""
        if self._preview is None or not self._preview.runs:
            return (Span(" There is nothing to run.", "muted"),)
        if self.sagaz.settings.read_only:
            text = " Opened read-only, so nothing is replayed; start without --read-only."
            return (Span(text, "changed", bold=True),)
        return ()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run it, if what was typed is how many they are, and a reason."""
        if not self._seen() or self._preview is None:
            return
        number, _, reason = event.value.strip().partition(" ")
        if number.replace(",", "") != str(self._preview.runs):
            self._say(f"that is not {self._preview.runs}; nothing was started")
        elif not reason.strip():
            self._say(f"say why, too, after {self._preview.runs}")
        else:
            self.request = replace(self.request, reason=reason.strip())
            self._start()

    def _seen(self) -> bool:
        """Whether the key that is acted on came after the preview stood on the screen."""
        if self._refusal() or self.run is not None or self.has_class("-too-small"):
            return False
        return self._shown_at is not None and self.input_at > self._shown_at

    def _start(self) -> None:
        try:
            run = BatchRun.start(self.sagaz.settings, self.request)
        except SagazError as error:
            self._trouble = str(error)
            self._show_preview()
            return
        self._tell_started(run)
        self._begin(run)

    # ------------------------------------------------------------------ while it runs, and after

    def _begin(self, run: BatchRun) -> None:
        self.run = run
        self._typed.disabled = True
        self.set_focus(None)
        self.add_class("-begun")
        self._show_run()
        self.in_background("follow", self._follow, run)

    async def _follow(self, run: BatchRun) -> None:
        while not run.over:
            await asyncio.to_thread(run.read)
            self._show_run()
            await asyncio.sleep(_BETWEEN_LOOKS)
        because = None
        if run.progress.batch_id is not None:
            try:
                entry = await self.sagaz.storage.get_batch(run.progress.batch_id)
                because = entry.stopped_because if entry is not None else None
            except StorageError as error:
                self._trouble = str(error)
        self._show_end(run, because)

    def _show_run(self) -> None:
        run = self.run
        if run is None:
            return
        progress, width = run.progress, self.size.width
        over = run.over
        if not progress.total:
            self._progress.show((Span(" starting…", "live"),))
        else:
            self._progress.show(progress_line(progress, width, over=over))
        self._counts.show(counts_line(progress))
        self._errors.show(errors_line(progress))
        self._pane.set_items(progress.troubled)
        opens = self._can(self._pane.selected is not None)
        if over:
            self._show_end_words()
            self._footer.show("batch", leave_out=_OPTIONAL - opens)
            return
        self._show_title("STOPPING" if run.stops else "RUNNING", "live")
        self._ask(self._while_running(run))
        self._footer.show("batch", leave_out=_OPTIONAL - {"batch.stop"} - opens)

    def _while_running(self, run: BatchRun) -> Line:
        key = keys_called("batch.stop", self.sagaz.settings.keys)
        words = (
            " it goes on if you leave; {} stops it after those under way",
            " those under way come to their end; {} again cancels them, and they undo",
            " cancelling: those under way undo what they did",
        )
        said = words[run.stops].format(key)
        if run.progress.canary is not None and not run.stops:
            said = f" {visible(run.progress.canary)} runs first, alone; {said.lstrip()}"
        return (Span(said, "muted"),)

    def _show_end(self, run: BatchRun, because: str | None) -> None:
        progress = run.progress
        if run.trouble:
            self._end_words = [run.trouble]
            if run.stops:
                self._show_title("CANCELLED", "changed")
            else:
                self._show_title("ENDED EARLY", "fail")
        elif progress.done < progress.total:
            self._end_words = end_words(progress.said, because)
            self._show_title("STOPPED", "changed")
        else:
            self._end_words = end_words(progress.said, None)
            fine = progress.counts["succeeded"] == progress.total
            self._show_title("COMPLETED", "ok" if fine else "changed")
        self._ask(())
        self._show_run()

    def _show_end_words(self) -> None:
        width = self.size.width
        lines = [line for text in self._end_words for line in wrapped(text, width, "text", lead="")]
        self._end.display = bool(lines)
        self._end.styles.height = len(lines)
        self._end.set_lines(lines, from_top=True)

    # ------------------------------------------------------------------ what is shown

    def _show_title(self, state: str, token: Token) -> None:
        count = len(self.request.saga_ids)
        if self.run is not None:
            count = self.run.progress.total or count
        what = f"replay of {count:,} saga{'s' * (count != 1)}"
        left = (Span(" Batch  ", "muted"), Span(what, "text", bold=True))
        label = visible(self.sagaz.settings.production)
        right = (Span(f"{label}  ", "changed", bold=True), Span(f"{state} ", token))
        self._title.show(left, right if label else right[1:])

    def _ask(self, words: Line) -> None:
        self._question.styles.width = max(line_width(words), 1)
        self._question.show(words)

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=4)

    # ------------------------------------------------------------------ keys

    def action_enter(self) -> None:
        """Run it, if it has been seen; later open the selected saga."""
        if self.run is None:
            if not self.sagaz.settings.production and self._seen():
                self._start()
        elif self._pane.selected is not None:
            from sagaz_tui.screens.debugger import DebuggerScreen

            self.app.push_screen(DebuggerScreen(self._pane.selected.opens))

    def action_move(self, by: int) -> None:
        """Select another row, or scroll the preview."""
        if self.run is None:
            self._plans.action_move(by)
        else:
            self._pane.move(by)

    def action_stop(self) -> None:
        """Let those under way end and start no more; once more: cancel them."""
        if self.run is not None and not self.run.over and self.run.stops < _STOPS:
            self.run.stop()
            self._show_run()

    def action_copy(self) -> None:
        """Copy the command that does the same, the ids after it."""
        words = ["sagaz", "replay", "batch", "--ids", "-"]
        ids = "\n".join(self.request.saga_ids)
        self.copy(f"{shlex.join(words)} <<'IDS'\n{ids}\nIDS\n", "as a command")

    def action_back(self) -> None:
        """Leave; what has been started goes on."""
        self.dismiss(None)
