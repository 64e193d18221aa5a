"""The edit line: what is staged for the replay as a diff, and one line to type the next edit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from textual.app import SuspendNotSupported
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from sagaz_core.compliance.fields import NO_FIELDS, SensitiveFields
from sagaz_core.errors import OverrideError, SagazError
from sagaz_core.model import Masked
from sagaz_core.replay.pointer import split_pointer, to_pointer, value_at
from sagaz_tui.edits import (
    EditLog,
    StagedEdit,
    common_start,
    completions,
    read_all,
    read_edit,
    read_staged,
)
from sagaz_tui.holding_secrets import holds_secret
from sagaz_tui.keys import bindings_for
from sagaz_tui.secrecy import sensitive_fields_of
from sagaz_tui.text import visible
from sagaz_tui.widgets.lines import TextPane
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import clip, safe_text
from sagaz_tui.widgets.staged_lines import edit_words, staged_lines

if TYPE_CHECKING:
    from sagaz_tui.context_model import ContextModel
    from sagaz_tui.editor import Draft

_LONGEST: Final = 100_000
_FILE_COMMANDS: Final = (":save ", ":load ")
_HINT: Final = "key=value key:=JSON /a/b:=JSON :load FILE :save FILE; esc keeps what is staged"


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

    def action_editor(self) -> None:
        """Edit the value in the person's own editor."""
        self._line.use_editor()


class EditLine(Vertical):
    """Staged edits, and the line while somebody types. Hidden while there is neither."""

    DEFAULT_CSS = """
    EditLine { height: auto; background: $s-bg; }
    EditLine TextPane { height: auto; max-height: 4; }
    EditLine #typing { height: 2; }
    EditLine #prompt-row { height: 1; }
    EditLine #prompt { width: 4; color: $s-live; }
    EditLine EditInput {
        height: 1; width: 1fr; border: none; padding: 0; background: $s-cursor; color: $s-text;
    }
    EditLine EditInput:focus { border: none; }
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
        self._rejected: tuple[str, Draft] | None = None
        """What was left in the editor last and did not fit, and for which place."""
        self._other_type = False
        self._words = ""
        self._before: Widget | None = None
        self._head = PaneHead("Edits")
        self._lines = TextPane()
        self._lines.can_focus = False
        self._input = EditInput(self)
        self._hint = Static("", id="hint", markup=False)
        self._typing = Vertical(id="typing")
        self._typing.display = False

    def _lay_out(self) -> None:
        """Lay it out on first use: the screen opens sooner without."""
        if not self._typing.is_attached:
            row = Horizontal(id="prompt-row")
            self.mount(self._head, self._lines, self._typing)
            self._typing.mount(row, self._hint)
            row.mount(Static(" e>", id="prompt", markup=False), self._input)

    @property
    def edits(self) -> tuple[StagedEdit, ...]:
        """What is staged, in order."""
        return self._history.edits

    @property
    def typing(self) -> bool:
        """Whether the line is open."""
        return bool(self._typing.display)

    def open(self, base: EditBase, typed: str = "") -> None:
        """Begin to type an edit, or go on after what is typed already."""
        self._lay_out()
        self._base = base
        self._other_type = False
        self._input.value = typed
        self._input.cursor_position = len(typed)
        self._before = self.screen.focused
        self._typing.display = True
        self._show()
        self.screen.set_focus(self._input)
        self._check()

    def move_to(self, base: EditBase) -> None:
        """Let what is staged be for another start; every edit is checked again, and stays."""
        self._base = base
        self._history = self._history.read_again(base.state)
        self._show()
        self.post_message(self.Changed())

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
        self._lay_out()
        count = len(self.edits)
        self.display = self.typing or bool(count)
        self._lines.display = bool(count)
        unfit = sum(bool(edit.problem) for edit in self.edits)
        notes = [f"{unfit} no longer fit{'s' * (unfit == 1)}"] if unfit else []
        self._head.set_title(self._base.title, [*notes, f"{count} staged"])
        self._head.set_active(self.typing)
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
        place, equals, _ = event.value.partition("=")
        self._input.password = bool(equals) and self._is_secret(to_pointer(place.removesuffix(":")))
        self._check()

    def submit(self) -> None:
        """Stage what is typed, if it fits, or do what is asked for with a file."""
        if self._input.value.startswith(_FILE_COMMANDS):
            self._use_file()
            return
        try:
            edit = self._read(other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self._history = self._history.staged(edit)
            self.close()

    def _use_file(self) -> None:
        """Save what is staged to a file, or stage what is in one: all of it, or nothing."""
        from sagaz_tui.edits_file import load_overrides, save_overrides

        word, _, place = self._input.value.partition(" ")
        try:
            if word == ":save":
                secret = [each for each in self.edits if self._is_secret(each.pointer)]
                kept = [each.override for each in self.edits if each not in secret]
                path = save_overrides(place.strip(), kept)
                self.close()
                said = f"saved to {visible(str(path))}"
                if secret:
                    names = ", ".join(visible(each.pointer) for each in secret)
                    said += f", without {len(secret)} secret: {names}"
                self.notify(said, markup=False)
                return
            edits = read_all(
                load_overrides(place.strip()),
                self._base.state,
                self._fields,
                other_type=self._other_type,
            )
        except SagazError as error:
            self._say(str(error), wrong=True)
        else:
            self._history = self._history.staged(*edits)
            self.close()

    def use_editor(self) -> None:
        """Edit the value at the place that is typed in the person's own editor, and stage it."""
        from sagaz_tui.editor import edit_text, editor_command, override_from

        command, place = editor_command(), self._input.value.partition("=")[0].removesuffix(":")
        if not command or not place:
            self._say(
                "type a key, then the editor opens on its value"
                if command
                else "set $VISUAL or $EDITOR, and start again, to edit a value there",
                wrong=True,
            )
            return
        pointer = to_pointer(place)
        try:
            draft = self._draft(pointer)
            with self.app.suspend():
                text = edit_text(draft, command)
            self._rejected = (pointer, replace(draft, text=text))
            if text == draft.text:
                self._say("nothing was changed in the editor")
                return
            override = override_from(pointer, draft, text)
            edit = read_staged(
                override, self._base.state, self._fields, other_type=self._other_type
            )
        except SuspendNotSupported:
            self._say("this terminal cannot be lent to an editor", wrong=True)
        except SagazError as error:
            self._say(str(error), wrong=True)
        else:
            self._rejected = None
            self._history = self._history.staged(edit)
            self.close()

    def _draft(self, pointer: str) -> Draft:
        """The value at a pointer to edit: as it was left there, else as staged, else recorded."""
        from sagaz_tui.editor import EditorError, draft_of

        if self._is_secret(pointer):
            raise EditorError("no editor gets a secret; type its new value after the equals sign")
        if self._rejected is not None and self._rejected[0] == pointer:
            return self._rejected[1]
        for edit in self.edits:
            if edit.pointer == pointer:
                return draft_of(edit.after)
        return draft_of(value_at(self._base.state, pointer))

    @property
    def _fields(self) -> SensitiveFields:
        """Which values the settings call secrets."""
        settings = getattr(self.app, "settings", None)
        return NO_FIELDS if settings is None else sensitive_fields_of(settings)

    def _is_secret(self, pointer: str) -> bool:
        """Whether what is recorded or staged at a pointer is a secret, or holds one."""
        with suppress(OverrideError):
            if self._fields.hold(split_pointer(pointer)):
                return True
        staged = [each.after for each in self.edits if each.pointer == pointer]
        return holds_secret([value_at(self._base.state, pointer), staged])

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
        text, state = self._input.value, self._base.state
        return read_edit(text, state, self._fields, other_type=other_type)

    def _check(self) -> None:
        if not self.typing:
            return
        text, self._unchecked = self._input.value, None
        if text.startswith(_FILE_COMMANDS):
            self._say("enter saves what is staged" if text[1] == "s" else "enter stages its edits")
            return
        if "=" not in text:
            self._say_places(self._completions(text) if text else [])
            return
        try:
            edit = self._read(other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self._say(edit_words(edit))
            if self._model is not None and not isinstance(edit.after, Masked):
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
                operations = [
                    (each.pointer, each.after)
                    for each in (*others, edit)
                    if not isinstance(each.after, Masked)
                ]
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
            self._say(_HINT)

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._hint.set_class(wrong, "-wrong")
        self._words = text
        self._write_hint()

    def _write_hint(self) -> None:
        self._hint.update(safe_text(clip(self._words, max(self.size.width - 2, 1))))
