"""Blame: a sheet over the debugger with every value that one key had."""

from __future__ import annotations

from contextlib import suppress

from textual.app import ComposeResult
from textual.containers import Vertical

from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.key_values import KeyValues, values_in_sight
from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.text import visible
from sagaz_tui.widgets.blame_list import BlameList
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead


class BlameScreen(Sheet[int | None]):
    """Dismissed with the number of the checkpoint to go to, or None.

    Args:
        key: the key.
        sequence: the checkpoint whose value is lit at first.
        values: reads the key's values around it.
    """

    CSS_PATH = "blame.tcss"
    PLACE = "blame"
    # A modal screen hides the app's own.
    BINDINGS = [*bindings_for("everywhere")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "BlameList"

    def __init__(self, key: str, sequence: int, values: KeyValues) -> None:
        super().__init__()
        self._key = key
        self._sequence = sequence
        self._values = values
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._head = PaneHead(f"Blame {visible(key)}")
        self._list = BlameList()

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield self._head
            yield self._list
            yield KeyFooter("blame", self.sagaz.settings.keys)

    def on_mount(self) -> None:
        """Read the values."""
        self._head.set_active(True)
        self.in_background("values", self._show_values)

    def on_blame_list_wants_more(self) -> None:
        """Read on."""
        self.in_background("values", self._show_more)

    async def _show_values(self) -> None:
        try:
            await self._values.read_older()
        except SagazError as error:
            self._list.set_note(visible(str(error)))
            return
        self._list.set_entries(self._values.entries, self._sequence)
        await self._show_more()

    async def _show_more(self) -> None:
        self._show_count()
        # What is read stays; another key reads on.
        with suppress(StorageError):
            async for _ in values_in_sight(self._list, self._values):
                self._show_count()

    def _show_count(self) -> None:
        count = len(self._values.entries)
        more = "" if self._values.whole else "+"
        words = f"{count}{more} value{'s' * (count != 1 or bool(more))}"
        self._head.set_title(f"Blame {visible(self._key)}", [words])

    def on_blame_list_chosen(self, event: BlameList.Chosen) -> None:
        """Go to the checkpoint that set the value."""
        self.dismiss(event.sequence)
