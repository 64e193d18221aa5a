"""Blame: a sheet over the debugger with every value that one key had."""

from __future__ import annotations

from contextlib import suppress

from sagaz_core.errors import StorageError
from sagaz_tui.debugger.key_values import KeyValues, values_in_sight
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.screens.list_sheet import ListSheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.blame_list import BlameList
from sagaz_tui.widgets.pane_head import PaneHead


class BlameScreen(ListSheet[int | None]):
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
        self._key = key
        self._sequence = sequence
        self._values = values
        self._list = BlameList()
        super().__init__(PaneHead(f"Blame {visible(key)}"), self._list)

    async def read(self) -> int:
        """Read the values around the checkpoint, and then as far as is in sight."""
        await self._values.read_older()
        self._list.set_entries(self._values.entries, self._sequence)
        self.on_blame_list_wants_more()
        return len(self._values.entries)

    def on_blame_list_wants_more(self) -> None:
        """Read on."""
        self.in_background("values", self._show_more)

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
        self.show_keys(count)

    def on_blame_list_chosen(self, event: BlameList.Chosen) -> None:
        """Go to the checkpoint that set the value."""
        self.dismiss(event.sequence)
