"""What a batch would do, with what is to be set in its sagas, before anybody lets it run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import DescendantFocus, Event, Resize
from textual.widgets import Input

from sagaz_core.errors import SagazError, UsageError
from sagaz_tui.acting import why_not
from sagaz_tui.batch.request import IN_DOUBT_WAYS, BatchRequest, as_command
from sagaz_tui.batch.run import BatchRun, make_preview
from sagaz_tui.edits.base import EditBase
from sagaz_tui.edits.editor import editor_command
from sagaz_tui.keys.table import bindings_for, ids_in, keys_called
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.screens.plan import PlanPane
from sagaz_tui.showing.holding_secrets import holds_secret
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.batch_file_line import FileLine
from sagaz_tui.widgets.batch_lines import preview_lines, title_line
from sagaz_tui.widgets.edit_line import EditLine
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, line_width
from sagaz_tui.widgets.plan_lines import wrapped

if TYPE_CHECKING:
    from sagaz_core.replay.batch import BatchItem, BatchPreview
    from sagaz_tui.batch.override_file import SagaOverrides

_ROOM_TO_TYPE: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class BatchEditBase(EditBase):
    """The recorded state of one saga, as which what is set in all of them is read and shown."""

    @property
    def title(self) -> str:
        """What the edits are for, in words."""
        return f"Edits for all, as in {visible(self.saga_id)} @#{self.sequence}"


class BatchPreviewScreen(SagazScreen[BatchRun | None]):
    """Shows a batch before it runs; dismissed with the run that was started, or None.

    Only a key that arrives after the preview has been painted can start it.

    Args:
        request: what is asked for.
    """

    CSS_PATH = "batch_preview.tcss"
    PLACE = "batch"
    BINDINGS = [*bindings_for("batch")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, request: BatchRequest) -> None:
        super().__init__()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._title, self._question = Bar(id="title"), Bar(id="question")
        self._plans, self._edit = PlanPane(), EditLine(id="edit")
        self._file = FileLine(self._take_file)
        self._typed = Input(id="typed", compact=True, disabled=True)
        self._footer = KeyFooter("batch", self.sagaz.settings.keys, leave_out=ids_in("batch"))
        self.request = request
        self._preview: BatchPreview | None = None
        self._first: BatchItem | None = None
        """The saga as which edits are read, the first that would run before there were any."""
        self._trouble = ""
        self._file_trouble = ""
        self._shown_at: float | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield self._title
        yield self._plans
        yield self._edit
        yield self._file
        with Horizontal(id="ask"):
            yield self._question
            yield self._typed
        yield self._footer

    def on_mount(self) -> None:
        """Plan it."""
        count, label = len(self.request.saga_ids), self.sagaz.settings.production
        self._title.show(*title_line(count, "", "NOTHING HAS RUN", "ghost", label))
        self._plan_anew(self.request)

    def on_resize(self, event: Resize) -> None:
        """Lay the lines out anew."""
        if self._preview is not None or self._trouble:
            self._show_preview()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show the keys that work where the keys go."""
        self._show_what_keys_do()

    # ------------------------------------------------------------------ the preview

    def _plan_anew(self, request: BatchRequest) -> None:
        self.request = request
        self._preview, self._trouble, self._shown_at = None, "", None
        self._ask((Span(" planning…", "muted"),))
        self._show_what_keys_do()
        self.in_background("plan", self._make)

    async def _make(self) -> None:
        try:
            self._preview = await make_preview(self.sagaz.settings, self.request, self._planned)
        except SagazError as error:
            self._trouble = str(error)
        if self._first is None and self._preview is not None:
            self._first = next(iter(self._preview.samples), None)
        self._show_preview()

    def _planned(self, done: int, total: int) -> None:
        if self._preview is None and self.is_attached and not self._typing_elsewhere:
            self._ask((Span(f" planning {done:,} of {total:,}…", "muted"),))

    def _show_preview(self) -> None:
        """Show what it would do; nothing can be confirmed until that is painted."""
        self._shown_at = None
        width = self._plans.text_width
        lines: list[Line] = []
        if self._trouble:
            lines += [*wrapped(self._trouble, width, "fail", lead="✗"), ()]
        if self._file_trouble:
            lines += [*wrapped(self._file_trouble, width, "changed", lead="!"), ()]
        if self._preview is not None:
            lines += preview_lines(self._preview, width, self.request)
        self._plans.set_plan(lines)
        self._typed.disabled = self._typed.disabled or bool(self._refusal())
        self._show_what_keys_do()

    def _show_what_keys_do(self) -> None:
        refusal = self._refusal()
        if self._edit.typing:
            self._footer.show("edit", leave_out=() if editor_command() else ("edit.editor",))
        elif self._file.typing:
            self._footer.show("file")
        else:
            meaningless = {
                "batch.run": bool(refusal),
                "batch.edit": self._first is None,
                "batch.in-doubt": not self._is_in_doubt,
            }
            self._footer.show("batch", leave_out=[key for key, none in meaningless.items() if none])
        if self._typing_elsewhere:
            self._ask(())
        elif self._preview is not None or self._trouble:
            self._ask(refusal or self._invitation())

    @property
    def _typing_elsewhere(self) -> bool:
        """Whether ``enter`` is for another line than the one that runs it."""
        return self._edit.typing or self._file.typing

    def displayed(self) -> None:
        """Let keys confirm that come from now on: the preview is on the terminal."""
        if self._shown_at is None and self._plans.drawn:
            self._shown_at = Event().time
            self.call_next(self._let_be_typed)

    def _let_be_typed(self) -> None:
        runs = not self._refusal() and not self._typing_elsewhere
        if self.sagaz.settings.production and runs:
            self._typed.disabled = False
            self.set_focus(self._typed)

    def _invitation(self) -> Line:
        assert self._preview is not None
        runs = self._preview.runs
        if self.sagaz.settings.production:
            label = visible(self.sagaz.settings.production)
            text = f" {label} is in production. Type {runs} and why to run them: "
            if cell_len(text) > self.size.width - _ROOM_TO_TYPE:
                text = f" Type {runs} and why: "
            return (Span(text, "changed", bold=True),)
        key = keys_called("batch.run", self.sagaz.settings.keys)
        many = f"replays {runs:,} sagas, one first, then the others" if runs > 1 else "replays it"
        return (Span(f" {key}", "live", bold=True), Span(f" {many}", "text", bold=True))

    def _refusal(self) -> Line:
        """Why this cannot be confirmed; empty: it can."""
        if self._preview is None or not self._preview.runs:
            return (Span(" There is nothing to run.", "muted"),)
        if text := why_not(self.sagaz.settings, "nothing is replayed"):
            return (Span(f" {text}", "changed", bold=True),)
        return ()

    def _ask(self, words: Line) -> None:
        self._question.styles.width = max(line_width(words), 1)
        self._question.show(words)

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=4)

    # ------------------------------------------------------------------ running it

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run it, if what was typed is how many they are, and a reason."""
        if event.input is not self._typed or not self._seen() or self._preview is None:
            return
        number, _, reason = event.value.strip().partition(" ")
        if number.replace(",", "") != str(self._preview.runs):
            self._say(f"that is not {self._preview.runs}; nothing was started")
        elif not reason.strip():
            self._say(f"say why, too, after {self._preview.runs}")
        else:
            self.request = replace(self.request, reason=reason.strip())
            self._start()

    def action_run(self) -> None:
        """Run it, if it has been seen."""
        if not self.sagaz.settings.production and self._seen():
            self._start()

    def _seen(self) -> bool:
        """Whether the key that is acted on came after the preview stood on the screen."""
        if self._refusal() or self._typing_elsewhere or self.has_class("-too-small"):
            return False
        return self._shown_at is not None and self.input_at > self._shown_at

    def _start(self) -> None:
        try:
            run = BatchRun.start(self.sagaz.settings, self.request)
        except SagazError as error:
            self._trouble = str(error)
            self._show_preview()
        else:
            self.dismiss(run)

    # ------------------------------------------------------------------ what is set in all

    async def action_edit(self) -> None:
        """Set a value in all of them."""
        base = await self._base()
        if base is None:
            self.sagaz.forget_typed()
        else:
            self._edit.open(base)

    async def _base(self) -> EditBase | None:
        """What edits are read against; None: it cannot be read, which is said."""
        first = self._first
        if self._preview is None and not self._trouble:
            self._say("this is still being planned; try again in a moment")
            return None
        if first is None or first.plan is None or first.plan.sequence is None:
            self._say("nothing would run, so there is nothing to set")
            return None
        try:
            found = await self.storage.masked.get_checkpoint(first.saga_id, first.plan.sequence)
        except SagazError as error:
            self._say(visible(str(error)))
            return None
        at = first.plan.sequence
        step = first.from_step or ""
        return BatchEditBase(step, at, found.state, found.context, first.saga_id)

    @on(EditLine.Changed)
    def take_edits(self) -> None:
        """Plan it with what is staged now."""
        edits = self._edit.edits
        request = replace(
            self.request,
            overrides=tuple(edit.override for edit in edits),
            allow_type=tuple(edit.pointer for edit in edits if edit.other_type),
        )
        if request != self.request:
            self._plan_anew(request)
        else:
            self._show_what_keys_do()
            self._let_be_typed()

    def action_undo(self) -> None:
        """Take the last staged edit back."""
        if not self._edit.take_back():
            self._say("no edit is staged")

    def action_redo(self) -> None:
        """Stage again what was taken back."""
        if not self._edit.stage_again():
            self._say("no edit was taken back")

    # ------------------------------------------------------------------ what is set in each

    def action_file(self) -> None:
        """Let a file be named that sets values in single sagas."""
        self._file.open(self.request.override_file)
        self._show_what_keys_do()

    async def _take_file(self, path: str) -> None:
        """Plan with what is in a file, or with none."""
        self._close_file()
        # Written out: a command that is copied has it in quotes.
        path = str(Path(path).expanduser()) if path else ""
        try:
            found = await asyncio.to_thread(_read_file, path) if path else {}
        except UsageError as error:
            self._file_trouble = str(error).replace("--override-file ", "")
            self._show_preview()
            return
        self._file_trouble = ""
        self._plan_anew(replace(self.request, saga_overrides=found, override_file=path))

    def _close_file(self) -> None:
        self._file.close()
        self._show_what_keys_do()
        self._let_be_typed()

    # ------------------------------------------------------------------ other keys

    def action_in_doubt(self) -> None:
        """Choose the next of what can be done with steps in doubt."""
        if self._is_in_doubt:
            at = IN_DOUBT_WAYS.index(self.request.in_doubt)
            following = IN_DOUBT_WAYS[(at + 1) % len(IN_DOUBT_WAYS)]
            self._plan_anew(replace(self.request, in_doubt=following))

    @property
    def _is_in_doubt(self) -> bool:
        """Whether there is something to choose."""
        skipped = self._preview.skipped if self._preview is not None else ()
        chosen = self.request.in_doubt is not None
        return chosen or any(item.state == "in_doubt" for item in skipped)

    def action_move(self, by: int) -> None:
        """Scroll."""
        self._plans.action_move(by)

    def action_copy(self) -> None:
        """Copy the command that does the same, the ids after it."""
        secrets = [each.pointer for each in self._edit.edits if holds_secret(each.after)]
        self.copy(as_command(self.request, self.sagaz.settings, secrets), "as a command")

    @property
    def reason_to_stay(self) -> str:
        """Edits that would be lost."""
        count = len(self._edit.edits)
        return f"{count} edit{'s are' if count > 1 else ' is'} staged for this batch" * bool(count)

    def action_back(self) -> None:
        """Close what is open, then leave; asks about staged edits."""
        warning = f"{self.reason_to_stay}; esc again leaves"
        if self._edit.typing:
            self._edit.close()
        elif self._file.typing:
            self._close_file()
        elif self.reason_to_stay and not self.sagaz.was_warned(warning):
            self._say(warning)
        else:
            self.dismiss(None)


def _read_file(path: str) -> SagaOverrides:
    # Imported here: nothing needs it until somebody names a file.
    from sagaz_tui.batch.override_file import read_override_file

    return read_override_file(path)
