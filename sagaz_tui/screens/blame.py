"""Blame: a sheet over the debugger with every value that one key had."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from sagaz_core.errors import SagazError
from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.text import visible
from sagaz_tui.widgets.blame_list import BlameList
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead

if TYPE_CHECKING:
    from sagaz_core.history.blame import BlameEntry


class BlameScreen(Sheet[int | None]):
    """Dismissed with the number of the checkpoint to go to, or None.

    Args:
        key: the key.
        sequence: the checkpoint whose value is lit at first.
        read: reads the key's values, newest first.
    """

    CSS_PATH = "blame.tcss"
    PLACE = "blame"
    # A modal screen hides the app's own.
    BINDINGS = [*bindings_for("everywhere")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "BlameList"

    def __init__(
        self, key: str, sequence: int, read: Callable[[], Awaitable[Sequence[BlameEntry]]]
    ) -> None:
        super().__init__()
        self._key = key
        self._sequence = sequence
        self._read = read

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield PaneHead(f"Blame {visible(self._key)}")
            yield BlameList()
            yield KeyFooter("blame", self.sagaz.settings.keys)

    def on_mount(self) -> None:
        """Read the values."""
        self.query_one(PaneHead).set_active(True)
        self.in_background("values", self._show_values)

    async def _show_values(self) -> None:
        values = self.query_one(BlameList)
        try:
            entries = await self._read()
        except SagazError as error:
            values.set_note(visible(str(error)))
            return
        values.set_entries(entries, self._sequence)
        count = len(entries)
        self.query_one(PaneHead).set_title(
            f"Blame {visible(self._key)}", [f"{count} value{'s' * (count != 1)}"]
        )

    def on_blame_list_chosen(self, event: BlameList.Chosen) -> None:
        """Go to the checkpoint that set the value."""
        self.dismiss(event.sequence)
