"""The plan: all that a replay would do, shown before anything is done."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, cast

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Event, Resize, ScreenResume
from textual.strip import Strip
from textual.widgets import Input

from sagaz_core.errors import SagazError, StorageError
from sagaz_core.model import ReplayPlan
from sagaz_tui.acting import why_not
from sagaz_tui.keys.table import bindings_for, ids_in, keys_called
from sagaz_tui.replaying.as_command import as_command
from sagaz_tui.replaying.plan_choices import CHOICES, keys_by_problem, open_choices
from sagaz_tui.replaying.planning import make_plan
from sagaz_tui.replaying.process import ReplayNotStartedError, ReplayRequest, start_replay
from sagaz_tui.replaying.start import Start
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.screens.rehearsal import RehearsalScreen
from sagaz_tui.screens.start import StartScreen
from sagaz_tui.showing.holding_secrets import holds_secret
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, TextPane, line_width
from sagaz_tui.widgets.plan_lines import plan_lines, summary_words, wrapped
from sagaz_tui.widgets.trouble_lines import output_lines, raised_lines

_OPTIONAL: Final = frozenset(
    {"plan.confirm", "plan.rehearse", "plan.edit", *(choice.key for choice in CHOICES.values())}
)
_LOOK_AGAIN: Final = 1.0


class PlanPane(TextPane, can_focus=False):
    """The plan's lines; knows whether they have been drawn."""

    drawn = False
    """Whether what was set last has been drawn."""

    def set_plan(self, lines: list[Line]) -> None:
        """Show a plan."""
        self.drawn = False
        self.set_lines(lines, from_top=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        self.drawn = True
        return super().render_line(y)


class PlanScreen(SagazScreen[str | None]):
    """Shows what a replay would do; dismissed with the id of the one it started, or None.

    Only a key that arrives after the plan has been painted can confirm it: one typed blindly,
    however late it is dealt with, starts nothing.

    Args:
        request: what is asked for.
        confirm: whether ``enter`` may run it.
        editable: whether who opened it can edit; :attr:`wants_edit` tells them to.
    """

    CSS_PATH = "plan.tcss"
    PLACE = "plan"
    BINDINGS = [*bindings_for("plan")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, request: ReplayRequest, *, confirm: bool, editable: bool = False) -> None:
        super().__init__()
        # Kept, not looked up: the plan may still come while the screen is taken down.
        self._title, self._question = Bar(id="title"), Bar(id="question")
        self._pane, self._label = PlanPane(), Input(id="label", compact=True, disabled=True)
        self._footer = KeyFooter("plan", self.sagaz.settings.keys, leave_out=_OPTIONAL)
        self.request = request
        self.confirm = confirm
        self.wants_edit = False
        self._editable = editable
        self.plan: ReplayPlan | None = None
        self.moved_to: Start | None = None
        """The start that was chosen here, in place of the one that was asked for."""
        self._shown_at: float | None = None
        self._trouble: SagazError | None = None
        self.filled.clear()
        self._starting = False
        self._started: str | None = None
        """The replay that has begun while another screen was on top."""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield self._title
        yield self._pane
        with Horizontal(id="ask"):
            yield self._question
            yield self._label
        yield self._footer

    def on_mount(self) -> None:
        """Make the plan."""
        self._show_title()
        self._ask((Span(" planning…", "muted"),))
        self.in_background("plan", self._make)

    # ------------------------------------------------------------------ the plan

    async def _make(self) -> None:
        try:
            self.plan = await make_plan(self.sagaz.settings, self.request)
        except SagazError as error:
            self.plan, self._trouble = None, error
        self._show_plan()
        if self.confirm and self.plan is not None and self.plan.running:
            self.in_background("waiting", self._until_free, self.plan.root_id)

    async def _until_free(self, root_id: str) -> None:
        """Make the plan anew once no run of the family is alive."""
        held = True
        while held:
            await asyncio.sleep(_LOOK_AGAIN)
            with suppress(StorageError):
                family = await self.sagaz.storage.get_family(root_id)
                held = family is not None and family.held
        self.in_background("plan", self._make)

    def action_choose(self, name: str) -> None:
        """Choose the next of what there is to choose from, and see what becomes of the plan."""
        choice = CHOICES[name]
        if choice in open_choices(self.request, self.plan) and not self._starting:
            self._plan_anew(choice.next(self.request))

    def action_edit(self) -> None:
        """Leave it to edit what it starts with."""
        if self._editable and not self._starting:
            self.wants_edit = True
            self.dismiss(None)

    def action_start(self) -> None:
        """Choose another step to start at."""
        if not self._starting:
            sheet = StartScreen(self.request.saga_id, self.request.from_step)
            self.app.push_screen(sheet, self._move_start)

    def _move_start(self, start: Start | None) -> None:
        if start is not None:
            self.moved_to = start
            self._plan_anew(replace(self.request, from_step=start.step, snapshot_id=None))

    def _plan_anew(self, request: ReplayRequest) -> None:
        self.request = request
        self.plan, self._trouble, self._shown_at = None, None, None
        self.filled.clear()
        self._footer.show("plan", leave_out=_OPTIONAL)
        self._ask((Span(" planning…", "muted"),))
        self.in_background("plan", self._make)

    def _show_plan(self) -> None:
        """Show the plan, or why there is none; nothing can be confirmed until it is painted."""
        self._shown_at = None
        width = self._pane.text_width
        lines: list[Line] = []
        if self._trouble:
            heading = "Did not start" if self.plan is not None else "No plan"
            lines = [(Span(f" {heading}", "fail", bold=True),)]
            lines += [*wrapped(str(self._trouble), width, "fail", lead=glyph("step_failed")), ()]
        if self.plan is not None:
            keys = keys_by_problem(self.sagaz.settings.keys)
            lines += plan_lines(self.plan, width, self.sagaz.now(), keys)
        if isinstance(self._trouble, ReplayNotStartedError):
            # A scrollbar may come with these very lines.
            lines += output_lines(self._trouble.log, width - 1)
        elif self._trouble is not None:
            lines += raised_lines(self._trouble, width - 1)
        self._pane.set_plan(lines)
        refusal = self._refusal()
        self._label.disabled = self._label.disabled or bool(refusal)
        self._ask(refusal or self._invitation())
        offered = {choice.key for choice in open_choices(self.request, self.plan)}
        if not refusal:
            offered.add("plan.confirm")
        if self._editable:
            offered.add("plan.edit")
        if self.plan is not None and self.plan.valid:
            offered.add("plan.rehearse")
        self._footer.show("plan", leave_out=_OPTIONAL - offered)
        self.filled.set()

    def on_resize(self, event: Resize) -> None:
        """Wrap the plan anew."""
        if (self.plan is not None or self._trouble is not None) and not self._starting:
            self._show_plan()

    def displayed(self) -> None:
        """Let keys confirm that come from now on: the plan is on the terminal."""
        if self._shown_at is None and self._pane.drawn:
            self._shown_at = Event().time
            self.call_next(self._let_label_be_typed)

    def _let_label_be_typed(self) -> None:
        if self.sagaz.settings.production and not self._refusal() and not self._starting:
            self._label.disabled = False
            self.set_focus(self._label)

    def _invitation(self) -> Line:
        """How this is confirmed."""
        assert self.plan is not None
        label = self.sagaz.settings.production
        if label:
            text = f" {summary_words(self.plan)}. Type {visible(label)} and why to run it: "
            return (Span(text, "changed", bold=True),)
        key = keys_called("plan.confirm", self.sagaz.settings.keys)
        words = f" {summary_words(self.plan)}, as a new branch of {visible(self.plan.root_id)}"
        return (Span(f" {key}", "live", bold=True), Span(words, "text", bold=True))

    def _refusal(self) -> Line:
        """Why this cannot be confirmed; empty: it can."""
        if self.plan is None:
            return (Span(" There is nothing to run.", "muted"),)
        if not self.plan.valid:
            return (Span(" This cannot run as it stands.", "fail", bold=True),)
        if not self.confirm:
            return (Span(f" It {summary_words(self.plan)}. This only shows it.", "muted"),)
        if text := why_not(self.sagaz.settings, "nothing is replayed"):
            return (Span(f" {text}", "changed", bold=True),)
        if self.plan.running:
            text = f" {visible(self.plan.running)} is running; this waits until it has ended."
            return (Span(text, "changed", bold=True),)
        return ()

    def _show_title(self) -> None:
        left = (
            Span(" Plan  ", "muted"),
            Span(f"replay of {visible(self.request.saga_id)}", "text", bold=True),
        )
        label = visible(self.sagaz.settings.production)
        right = (Span(f"{label}  ", "changed", bold=True), Span("NOTHING HAS RUN ", "ghost"))
        self._title.show(left, right if label else right[1:])

    def _ask(self, words: Line) -> None:
        self._question.styles.width = max(line_width(words), 1)
        self._question.show(words)

    # ------------------------------------------------------------------ keys

    def action_confirm(self) -> None:
        """Run it, if it has been seen and may run."""
        if not self.sagaz.settings.production and self._seen():
            self._run()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run it, if what was typed is the store's label and a reason."""
        if not self._seen():
            return
        label, reason = visible(self.sagaz.settings.production), self._typed_reason
        if reason is None:
            self.notify(f"that is not {label}; nothing was started", markup=False)
        elif not reason:
            self.notify(f"say why, too, after {label}", markup=False)
        else:
            self.request = replace(self.request, reason=reason)
            self._run()

    @property
    def _typed_reason(self) -> str | None:
        """What was typed after the store's label; None: that label was not typed."""
        label, typed = self.sagaz.settings.production, self._label.value.strip()
        begin, rest = typed[: len(label)], typed[len(label) :]
        return None if begin.casefold() != label.casefold() or rest[:1].strip() else rest.strip()

    def _seen(self) -> bool:
        """Whether the key that is acted on came after the plan stood on the screen."""
        if self._refusal() or self._starting or self.has_class("-too-small"):
            return False
        return self._shown_at is not None and self.input_at > self._shown_at

    def action_scroll_plan(self, by: int) -> None:
        """Scroll."""
        self._pane.action_move(by)

    def action_rehearse(self) -> None:
        """Walk it without doing it."""
        if self.plan is not None and self.plan.valid and not self._starting:
            self.app.push_screen(RehearsalScreen(self.request, self.plan.digest))

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        request = replace(self.request, reason=self._typed_reason or None)
        overrides = self.plan.overrides if self.plan is not None else ()
        secrets = [each.path for each in overrides if holds_secret(each.after)]
        self.copy(as_command(request, self.sagaz.settings, secrets), "as a command")

    def action_back(self) -> None:
        """Leave; what has been started goes on."""
        self.dismiss(None)

    # ------------------------------------------------------------------ running

    def _run(self) -> None:
        self._starting = True
        self._footer.show("plan", leave_out=ids_in("plan") - {"plan.copy"})
        self._ask((Span(" starting…", "live"),))
        # Of the app: what has become of it is told even when this screen has been left.
        self.app.run_worker(cast("Any", self._start), group="starting")

    async def _start(self) -> None:
        assert self.plan is not None
        try:
            started = await start_replay(
                self.sagaz.storage, self.sagaz.settings, self.request, self.plan.digest
            )
        except SagazError as error:
            self._starting = False
            self._trouble = error
            if self.is_attached:
                await self._make_again(self.plan.digest)
            else:
                self._tell_failed(error)
        else:
            if self.is_active:
                self.dismiss(started)
            elif self.is_attached:
                self._started = started
            else:
                self.app.notify(f"{visible(started)} has begun", markup=False)

    async def _make_again(self, refused: str) -> None:
        """Make the plan anew, in place of one that no longer was what would have run."""
        await self._make()
        same = self.plan is not None and self.plan.digest == refused
        if same and "the plan changed" in str(self._trouble):
            self.notify(
                "this screen plans the same again: code is installed that it has not loaded; "
                "start it anew",
                markup=False,
                timeout=10,
            )

    def _tell_failed(self, error: SagazError) -> None:
        place = f"; see {error.log}" if isinstance(error, ReplayNotStartedError) else ""
        self.app.notify(
            visible(f"the replay of {self.request.saga_id} did not start: {error}{place}"),
            markup=False,
            timeout=20,
        )

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Go on to the replay that has begun while another screen was on top."""
        started, self._started = self._started, None
        if started is not None:
            self.dismiss(started)
