"""The line in which an edit is typed: a secret's new value is dots in it, and is not copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual.widgets import Input

from sagaz_tui.keys.table import bindings_for

if TYPE_CHECKING:
    from sagaz_tui.widgets.edit_line import EditLine

_LONGEST: Final = 100_000


class EditInput(Input):
    """The line itself. What its keys do is done at once, so that the next key finds it done."""

    BINDINGS = [*bindings_for("edit")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, line: EditLine) -> None:
        super().__init__(compact=True, max_length=_LONGEST, select_on_focus=False)
        self._line = line
        # They tell what is typed, and come late: it could have been painted before.
        self.disable_messages(Input.Changed)

    def watch_value(self) -> None:
        """Check what is there so far."""
        self._line.typed()

    @property
    def _value(self) -> Text:
        """What is painted: of a secret the place, and a dot for each character of the value."""
        text = super()._value
        if not self.password:
            return text
        start = self.value.find("=") + 1
        return Text(self.value[:start], no_wrap=True, overflow="ignore", end="") + text[start:]

    @property
    def selected_text(self) -> str:
        """What is copied: as it is painted."""
        start, end = sorted(self.selection)
        return self._value.plain[start:end] if self.password else super().selected_text

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
