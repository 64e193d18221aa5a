"""The sheet with the batches of the store: to follow one that runs, or go on with another."""

from __future__ import annotations

from sagaz_tui.batch.news import list_standings
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.screens.list_sheet import ListSheet
from sagaz_tui.widgets.batch_list import BatchList
from sagaz_tui.widgets.pane_head import PaneHead


class BatchesScreen(ListSheet[str | None]):
    """Dismissed with the id of the batch to open, or None."""

    CSS_PATH = "batches.tcss"
    PLACE = "batches"
    # A modal screen hides the app's own.
    BINDINGS = [*bindings_for("everywhere")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "BatchList"

    def __init__(self) -> None:
        self._list = BatchList()
        super().__init__(PaneHead("Batches"), self._list)

    async def read(self) -> int:
        """Read the batches."""
        found = await list_standings(self.storage)
        if found:
            self._list.set_batches(found, self.sagaz.now())
        else:
            self._list.set_note("no batch was begun in this store; mark sagas, and replay them")
        self._head.set_title("Batches", [f"{len(found)} in this store"])
        return len(found)

    def on_batch_list_chosen(self, event: BatchList.Chosen) -> None:
        """Open the batch that was chosen."""
        self.dismiss(event.batch_id)
