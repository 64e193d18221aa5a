"""The sheet with the batches of the store: to follow one that runs, or go on with another."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from sagaz_core.errors import SagazError
from sagaz_tui.batch_news import list_standings
from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.text import visible
from sagaz_tui.widgets.batch_list import BatchList
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead


class BatchesScreen(Sheet[str | None]):
    """Dismissed with the id of the batch to open, or None."""

    CSS_PATH = "batches.tcss"
    PLACE = "batches"
    # A modal screen hides the app's own.
    BINDINGS = [*bindings_for("everywhere")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "BatchList"

    def __init__(self) -> None:
        super().__init__()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._head, self._list = PaneHead("Batches"), BatchList()

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield self._head
            yield self._list
            yield KeyFooter("batches", self.sagaz.settings.keys)

    def on_mount(self) -> None:
        """Read the batches."""
        self._head.set_active(True)
        self.in_background("batches", self._show_batches)

    async def _show_batches(self) -> None:
        try:
            found = await list_standings(self.storage)
        except SagazError as error:
            self._list.set_note(visible(str(error)))
            return
        if found:
            self._list.set_batches(found, self.sagaz.now())
        else:
            self._list.set_note("no batch was begun in this store; mark sagas, and replay them")
        self._head.set_title("Batches", [f"{len(found)} in this store"])

    def on_batch_list_chosen(self, event: BatchList.Chosen) -> None:
        """Open the batch that was chosen."""
        self.dismiss(event.batch_id)
