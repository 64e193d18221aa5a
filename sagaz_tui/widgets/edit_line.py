"""The edit line: what is staged for the replay as a diff, and one line to type the next edit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from sagaz_core.errors import OverrideError
from sagaz_tui.edits import StagedEdit, common_start, completions, read_edit
from sagaz_tui.keys import bindings_for
from sagaz_tui.text import visible
from sagaz_tui.values import type_word
from sagaz_tui.widgets.lines import Line, Span, TextPane
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import clip, safe_text
from sagaz_tui.widgets.why_lines import difference_line

_STAGED_SHOWN: Final = 3
_LONGEST: Final = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class EditState:
    """What is being edited: the state at the replay start, and the edits staged for it."""

    step: str
    sequence: int
    state: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[StagedEdit, ...] = ()

    @property
    def title(self) -> str:
        """What the edits are for, in words."""
        return f"Edits for the replay from {visible(self.step)} @#{self.sequence}"


class EditInput(Input):
    """The line itself."""

    BINDINGS = [*bindings_for("edit")]  # noqa: RUF012 - Textual declares it so

    class Complete(Message):
        """Go on with what was typed as far as it is certain."""

    class AllowType(Message):
        """Let the value have another type than the recorded one, or no longer."""

    def action_complete(self) -> None:
        """Ask for completion."""
        self.post_message(self.Complete())

    def action_allow_type(self) -> None:
        """Ask for another type."""
        self.post_message(self.AllowType())


class EditLine(Vertical):
    """Staged edits, and the line while somebody types. Hidden while there is neither."""

    DEFAULT_CSS = """
    EditLine { height: auto; display: none; background: $s-bg; }
    EditLine.-staged, EditLine.-typing { display: block; }
    EditLine TextPane { height: auto; max-height: 4; }
    EditLine #typing { height: 2; display: none; layout: vertical; }
    EditLine.-typing #typing { display: block; }
    EditLine #prompt-row { height: 1; }
    EditLine #prompt { width: 3; color: $s-live; }
    EditLine EditInput {
        height: 1; width: 1fr; border: none; padding: 0; background: $s-cursor; color: $s-text;
    }
    EditLine EditInput:focus { border: none; background-tint: $s-bg 0%; }
    EditLine #hint { height: 1; padding: 0 0 0 1; color: $s-muted; }
    EditLine #hint.-wrong { color: $s-changed; }
    """

    class Staged(Message):
        """An edit was typed, fits and shall be staged."""

        def __init__(self, edit: StagedEdit) -> None:
            super().__init__()
            self.edit = edit

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = EditState("", 0)
        self._other_type = False
        self._head = PaneHead("Edits")
        self._staged = TextPane()
        self._staged.can_focus = False
        self._input = EditInput(compact=True, max_length=_LONGEST, select_on_focus=False)
        self._hint = Static("", id="hint", markup=False)

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield self._head
        yield self._staged
        with Vertical(id="typing"):
            with Horizontal(id="prompt-row"):
                yield Static("e>", id="prompt", markup=False)
                yield self._input
            yield self._hint

    @property
    def typing(self) -> bool:
        """Whether the line is open."""
        return self.has_class("-typing")

    def set_state(self, state: EditState) -> None:
        """Edit something else, or show other staged edits."""
        self._state = state
        count = len(state.edits)
        self._head.set_title(state.title, [f"{count} staged"])
        self.set_class(bool(count), "-staged")
        self._write_staged()
        self._check()

    def open(self) -> None:
        """Begin to type an edit."""
        self._other_type = False
        self._input.value = ""
        self.add_class("-typing")
        # At once: `Input.focus` would come after keys that are waiting already, and lose them.
        self.screen.set_focus(self._input)
        self._check()

    def close(self) -> None:
        """Leave the line; what is staged stays."""
        self.remove_class("-typing")

    def on_resize(self) -> None:
        """Write the staged edits for another width."""
        self._write_staged()

    def _write_staged(self) -> None:
        width = max(self.size.width, 1)
        self._staged.set_lines(staged_lines(self._state.edits, width), from_top=True)

    # -- typing

    def on_input_changed(self, event: Input.Changed) -> None:
        """Check what is there so far."""
        event.stop()
        self._check()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Stage it, if it fits."""
        event.stop()
        try:
            edit = read_edit(event.value, self._state.state, other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self.close()
            self.post_message(self.Staged(edit))

    def on_edit_input_complete(self, event: EditInput.Complete) -> None:
        """Complete a recorded key or pointer."""
        event.stop()
        choices = completions(self._input.value, self._state.state)
        if not choices:
            return
        self._input.value = common_start(choices)
        self._input.cursor_position = len(self._input.value)

    def on_edit_input_allow_type(self, event: EditInput.AllowType) -> None:
        """Allow another type, or no longer."""
        event.stop()
        self._other_type = not self._other_type
        self._check()

    def _check(self) -> None:
        if not self.typing:
            return
        text = self._input.value
        if "=" not in text:
            self._say_places(completions(text, self._state.state) if text else [])
            return
        try:
            edit = read_edit(text, self._state.state, other_type=self._other_type)
        except OverrideError as error:
            self._refuse(error)
        else:
            self._say(edit_words(edit))

    def _refuse(self, error: OverrideError) -> None:
        """Say what is wrong, and whether allowing another type would do."""
        way_out = ""
        if not self._other_type:
            with suppress(OverrideError):
                read_edit(self._input.value, self._state.state, other_type=True)
                way_out = "ctrl+t: "
        self._say(f"{way_out}{error}", wrong=True)

    def _say_places(self, places: list[str]) -> None:
        if places:
            self._say("  ".join(place.rstrip("=") for place in places))
        else:
            self._say("key=value, key:=JSON or /a/b:=JSON; tab completes, esc keeps what is staged")

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._hint.set_class(wrong, "-wrong")
        self._hint.update(safe_text(clip(text, max(self.size.width - 2, 1))))


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
