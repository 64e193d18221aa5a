"""The edit line: what is staged for the replay as a diff, and one line to type the next edit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from sagaz_core.errors import OverrideError
from sagaz_tui.context_model import ContextModel
from sagaz_tui.edits import EditLog, StagedEdit, common_start, completions, read_edit
from sagaz_tui.keys import bindings_for
from sagaz_tui.text import visible
from sagaz_tui.values import type_word
from sagaz_tui.widgets.diff_lines import difference_line
from sagaz_tui.widgets.lines import Line, Span, TextPane
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import clip, safe_text

_STAGED_SHOWN: Final = 3
_LONGEST: Final = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class EditBase:
    """What edits are for: a step to replay from, and the recorded state it begins with.

    ``context`` is that state without the results of steps.
    """

    step: str
    sequence: int
    state: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the edits are for, in words."""
        return f"Edits for the replay from {visible(self.step)} @#{self.sequence}"


class EditInput(Input):
    """The line itself. What its keys do is done at once, so that the next key finds it done."""

    BINDINGS = [*bindings_for("edit")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, line: EditLine) -> None:
        super().__init__(compact=True, max_length=_LONGEST, select_on_focus=False)
        self._line = line

    async def action_submit(self) -> None:
        """Stage what is typed."""
        self._line.submit()

    def action_complete(self) -> None:
        """Go on with what is typed as far as it is certain."""
        self._line.complete()

    def action_allow_type(self) -> None:
        """Let the value have another type than the recorded one, or no longer."""
        self._line.turn_type()


class EditLine(Vertical):
    """Staged edits, and the line while somebody types. Hidden while there is neither."""

    DEFAULT_CSS = """
    EditLine { height: auto; background: $s-bg; }
    EditLine TextPane { height: auto; max-height: 4; }
    EditLine #typing { height: 2; }
    EditLine #prompt-row { height: 1; }
    EditLine #prompt { width: 3; color: $s-live; }
    EditLine EditInput {
        height: 1; width: 1fr; border: none; padding: 0; background: $s-cursor; color: $s-text;
    }
    EditLine EditInput:focus { border: none; background-tint: $s-bg 0%; }
    EditLine #hint { height: 1; padding: 0 0 0 1; color: $s-muted; }
    EditLine #hint.-wrong { color: $s-changed; }
    """

    class Changed(Message):
        """An edit was staged, taken back or staged again, or the line was left."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self._history = EditLog()
        self._base = EditBase("", 0)
        self._model: ContextModel | None = None
        self._unchecked: StagedEdit | None = None
        """The edit that the model is to be asked about next."""
        self._asking = False
        self._other_type = False
        self._words = ""
        self._before: Widget | None = None
        self._head = PaneHead("Edits")
        self._lines = TextPane()
        self._lines.can_focus = False
        self._input = EditInput(self)
        self._hint = Static("", id="hint", markup=False)
        self._typing = Vertical(
            Horizontal(Static("e>", id="prompt", markup=False), self._input, id="prompt-row"),
            self._hint,
            id="typing",
        )
        self._typing.display = False

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield self._head
        yield self._lines
        yield self._typing

    @property
    def edits(self) -> tuple[StagedEdit, ...]:
        """What is staged, in order."""
        return self._history.edits

    @property
    def typing(self) -> bool:
        """Whether the line is open."""
        return bool(self._typing.display)

    def open(self, base: EditBase) -> None:
        """Begin to type an edit."""
        self._base = base
        self._other_type = False
        self._input.value = ""
        self._before = self.screen.focused
        self._typing.display = True
        self._show()
        self.screen.set_focus(self._input)
        self._check()

    def know_model(self, model: ContextModel | None) -> None:
        """Complete and check by a model of the context from now on."""
        self._model = model
        self._check()

    def close(self) -> None:
        """Leave the line; what is staged stays."""
        self._typing.display = False
        self._show()
        self.screen.set_focus(self._before)
        self.post_message(self.Changed())

    def take_back(self) -> bool:
        """Take the last change of what is staged back; False if there is none."""
        return self._turn(self._history.undone())

    def stage_again(self) -> bool:
        """Stage again what was taken back; False if nothing was."""
        return self._turn(self._history.redone())

    def _turn(self, log: EditLog) -> bool:
        if log == self._history:
            return False
        self._history = log
        self._show()
        self.post_message(self.Changed())
        return True

    def _show(self) -> None:
        count = len(self.edits)
        self.display = self.typing or bool(count)
        self._lines.display = bool(count)
        self._head.set_title(self._base.title, [f"{count} staged"])
        self._write_staged()

    def on_resize(self) -> None:
        """Write the staged edits and the hint for another width."""
        self._write_staged()
        self._write_hint()

    def _write_staged(self) -> None:
        width = max(self.size.width, 1)
        self._lines.set_lines(staged_lines(self.edits, width), from_top=True)

    # -- typing

    def on_input_changed(self, event: Input.Changed) -> None:
        """Check what is there so far."""
        event.stop()
        self._check()

    def submit(self) -> None:
        """Stage what is typed, if it fits."""
        try:
            edit = self._read(other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self._history = self._history.staged(edit)
            self.close()

    def complete(self) -> None:
        """Complete a recorded key or pointer."""
        choices = self._completions(self._input.value)
        if choices:
            self._input.value = common_start(choices)
            self._input.cursor_position = len(self._input.value)

    def turn_type(self) -> None:
        """Allow another type, or no longer."""
        self._other_type = not self._other_type
        self._check()

    def _completions(self, text: str) -> list[str]:
        fields = self._model.fields if self._model else ()
        return completions(text, self._base.state, fields)

    def _read(self, *, other_type: bool) -> StagedEdit:
        return read_edit(self._input.value, self._base.state, other_type=other_type)

    def _check(self) -> None:
        if not self.typing:
            return
        text, self._unchecked = self._input.value, None
        if "=" not in text:
            self._say_places(self._completions(text) if text else [])
            return
        try:
            edit = self._read(other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self._say(edit_words(edit))
            if self._model is not None:
                self._ask_model(edit)

    def _ask_model(self, edit: StagedEdit) -> None:
        """Ask the model about an edit; what is typed meanwhile is asked about after it."""
        self._unchecked = edit
        if not self._asking:
            self._asking = True
            self.run_worker(cast("Any", self._asked), group="model")

    async def _asked(self) -> None:
        try:
            while (edit := self._unchecked) is not None and self._model is not None:
                others = (each for each in self.edits if each.pointer != edit.pointer)
                operations = [(each.pointer, each.after) for each in (*others, edit)]
                objection = await self._model.objection(
                    self._base.context, operations, edit.pointer
                )
                if self._unchecked is edit:
                    self._unchecked = None
                    if objection:
                        self._say(objection, wrong=True)
        finally:
            self._asking = False

    def _refuse(self, error: OverrideError) -> None:
        """Say what is wrong, and whether allowing another type would do."""
        sentence = str(error)
        if not self._other_type:
            with suppress(OverrideError):
                self._read(other_type=True)
                sentence = f"{sentence.partition(';')[0]}; ctrl+t allows it"
        self._say(sentence, wrong=True)

    def _say_places(self, places: list[str]) -> None:
        if places:
            self._say("  ".join(place.rstrip("=") for place in places))
        else:
            self._say("key=value, key:=JSON or /a/b:=JSON; tab completes, esc keeps what is staged")

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._hint.set_class(wrong, "-wrong")
        self._words = text
        self._write_hint()

    def _write_hint(self) -> None:
        self._hint.update(safe_text(clip(self._words, max(self.size.width - 2, 1))))


def edit_words(edit: StagedEdit) -> str:
    """Return what an edit does: sign, pointer, values, and the type it is read as."""
    line = difference_line(edit.difference, cell_len(edit.pointer), 10_000)
    text = "".join(span.text for span in line).strip()
    return f"{' '.join(text.split())}   as {type_word(edit.after)}"


def staged_lines(edits: tuple[StagedEdit, ...], width: int) -> list[Line]:
    """Return the staged edits as lines of a diff, the latest last, the first ones counted."""
    hidden = max(len(edits) - _STAGED_SHOWN, 0)
    lines: list[Line] = []
    if hidden:
        lines.append((Span(f" {hidden} more before", "muted"),))
    shown = edits[hidden:]
    path_width = min(
        max((cell_len(visible(edit.pointer)) for edit in shown), default=0), width // 2
    )
    return lines + [difference_line(edit.difference, path_width, width) for edit in shown]
