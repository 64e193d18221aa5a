"""The edit line: what is staged for the replay as a diff, and one line to type the next edit."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from textual.app import SuspendNotSupported
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from sagaz_core.compliance.fields import NO_FIELDS
from sagaz_core.errors import OverrideError, SagazError
from sagaz_core.replay.pointer import to_pointer, value_at
from sagaz_tui.edits.base import EditBase
from sagaz_tui.edits.secrets import (
    KnownSecrets,
    PlainStart,
    checked_secrets,
    is_typed_blind,
    look_behind_masks,
    objection_to,
    with_mask,
)
from sagaz_tui.edits.staged import (
    EditLog,
    StagedEdit,
    common_start,
    completions,
    read_all,
    read_edit,
    read_staged,
)
from sagaz_tui.secrecy import sensitive_fields_of
from sagaz_tui.showing.holding_secrets import holds_secret
from sagaz_tui.widgets.edit_input import EditInput
from sagaz_tui.widgets.lines import TextPane
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import clip, safe_text
from sagaz_tui.widgets.staged_lines import edit_words, staged_lines

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.edits.context_model import ContextModel
    from sagaz_tui.edits.editor import Draft

_FILE_COMMANDS: Final = (":save ", ":load ")
_HINT: Final = "key=value key:=JSON /a/b:=JSON :load FILE :save FILE; esc keeps what is staged"


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
        self._plain: PlainStart | None = None
        """The start as it was recorded; only while the line is open."""
        self._unchecked: StagedEdit | None = None
        """The edit that the store and the model are to be asked about next."""
        self._asking = False
        self._rejected: tuple[str, Draft] | None = None
        """What was left in the editor last and did not fit, and for which place."""
        self._answered = False
        """Whether the hint is the answer to a key, which stays until something else is typed."""
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
        self._base, self._plain = base, None
        self._other_type = False
        self._input.value = typed
        self._input.cursor_position = len(typed)
        self._before = self.screen.focused
        self._typing.display = True
        self._show()
        self.screen.set_focus(self._input)
        self.typed()
        self._look_behind_masks()

    def move_to(self, base: EditBase) -> None:
        """Let what is staged be for another start; every edit is checked again, and stays."""
        self._base, self._plain = base, None
        self._history = self._history.read_again(base.state)
        self._show()
        self.post_message(self.Changed())
        self._look_behind_masks()

    def know_model(self, model: ContextModel | None) -> None:
        """Complete and check by a model of the context from now on."""
        self._model = model
        self._check_again()

    def close(self) -> None:
        """Leave the line; what is staged stays, and of what was typed nothing."""
        self._typing.display = False
        self._input.value = ""
        self._show()
        self.screen.set_focus(self._before)
        self.post_message(self.Changed())
        self._look_behind_masks()

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

    def typed(self) -> None:
        """Check what is there so far."""
        self._input.password = is_typed_blind(self._input.value, self._secrets)
        self._check()

    def _check_again(self) -> None:
        """Check by what is known by now."""
        if not self._answered:
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
        from sagaz_tui.edits.file import load_overrides, save_edits

        self._answered = True
        word, _, place = self._input.value.partition(" ")
        try:
            if word == ":save":
                said = save_edits(place.strip(), self.edits, self._secrets)
                self.close()
                self.notify(said, markup=False)
                return
            edits = read_all(load_overrides(place.strip()), **self._how(self._other_type))
        except SagazError as error:
            self._say(str(error), wrong=True)
        else:
            self._history = self._history.staged(*edits)
            self.close()

    def use_editor(self) -> None:
        """Edit the value at the place that is typed in the person's own editor, and stage it."""
        from sagaz_tui.edits.editor import edit_text, editor_command, override_from

        self._answered, self._unchecked = True, None
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
            # What holds a secret by now gets to no editor again.
            is_kept = not is_typed_blind(f"{place}={text}", self._secrets)
            self._rejected = (pointer, replace(draft, text=text)) if is_kept else None
            if text == draft.text:
                self._say("nothing was changed in the editor")
                return
            override = override_from(pointer, draft, text)
            edit = read_staged(override, **self._how(self._other_type))
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
        from sagaz_tui.edits.editor import EditorError, draft_of

        if self._secrets.are_at(pointer):
            raise EditorError("no editor gets a secret; type its new value after the equals sign")
        if self._rejected is not None and self._rejected[0] == pointer:
            return self._rejected[1]
        for edit in self.edits:
            if edit.pointer == pointer:
                return draft_of(edit.after)
        return draft_of(value_at(self._base.state, pointer))

    @property
    def _storage(self) -> SnapshotStorage | None:
        """Where the edits are for."""
        return getattr(self.app, "storage", None)

    @property
    def _secrets(self) -> KnownSecrets:
        """What is known to be a secret."""
        settings = getattr(self.app, "settings", None)
        fields = NO_FIELDS if settings is None else sensitive_fields_of(settings)
        return KnownSecrets(fields, self._base.state, self.edits)

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
        return read_edit(self._input.value, **self._how(other_type))

    def _how(self, other_type: bool) -> dict[str, Any]:
        """How edits are read."""
        state, fields = self._base.state, self._secrets.fields
        plain = None if self._plain is None else self._plain.state
        return {"state": state, "fields": fields, "other_type": other_type, "plain": plain}

    def _check(self) -> None:
        if not self.typing:
            return
        self._answered = False
        text, self._unchecked = self._input.value, None
        if text.startswith(_FILE_COMMANDS):
            self._say("enter saves what is staged" if text[1] == "s" else "enter stages its edits")
            return
        if "=" not in text:
            places = self._completions(text) if text else []
            self._say("  ".join(place.rstrip("=") for place in places) or _HINT)
            return
        try:
            edit = self._read(other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self._say(edit_words(edit))
            if self._model is not None or holds_secret(edit.after):
                self._ask(edit)

    def _ask(self, edit: StagedEdit) -> None:
        """Ask about an edit; what is typed meanwhile is asked about after it."""
        self._unchecked = edit
        if not self._asking:
            self._asking = True
            self.run_worker(cast("Any", self._asked), group="model")

    async def _asked(self) -> None:
        try:
            while (edit := self._unchecked) is not None:
                others = [each for each in self.edits if each.pointer != edit.pointer]
                shown, objection = edit, ""
                if self._storage is not None:
                    shown = await with_mask(self._storage, edit, self._plain)
                if self._model is not None and self._plain is not None:
                    objection = await objection_to(
                        self._storage, self._model, self._plain, [*others, edit]
                    )
                if self._unchecked is edit:
                    self._unchecked = None
                    if objection or shown is not edit:
                        self._say(objection or edit_words(shown), wrong=bool(objection))
        finally:
            self._asking = False

    def _look_behind_masks(self) -> None:
        """Check secrets by what is recorded, and show them as the store masks them."""
        look = partial(self._looked, self._base, self._plain)
        self._plain = self._plain if self.typing else None
        if self.typing or any(holds_secret(edit.after) for edit in self.edits):
            self.run_worker(cast("Any", look), group="secrets", exclusive=True)

    async def _looked(self, base: EditBase, plain: PlainStart | None) -> None:
        if plain is None:
            plain = await look_behind_masks(self._storage, base)
        self._plain = plain if self.typing else None
        if self._storage is not None:
            change = await checked_secrets(self._storage, self._history, base, plain)
            self._history = self._history.changed(change)
            self._show()
        self._check_again()

    def _refuse(self, error: OverrideError) -> None:
        """Say what is wrong, and whether allowing another type would do."""
        sentence = str(error)
        if not self._other_type:
            with suppress(OverrideError):
                self._read(other_type=True)
                sentence = f"{sentence.partition(';')[0]}; ctrl+t allows it"
        self._say(sentence, wrong=True)

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._hint.set_class(wrong, "-wrong")
        self._words = text
        self._write_hint()

    def _write_hint(self) -> None:
        self._hint.update(safe_text(clip(self._words, max(self.size.width - 2, 1))))
