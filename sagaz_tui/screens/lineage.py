"""The sheet with a saga's family: which replay grew from where, with what changed and why."""

from __future__ import annotations

from sagaz_tui.keys.table import bindings_for
from sagaz_tui.screens.list_sheet import ListSheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.lineage_list import LineageList
from sagaz_tui.widgets.pane_head import PaneHead


class LineageScreen(ListSheet[str | None]):
    """Dismissed with the id of the saga to open, or None.

    Args:
        saga_id: a saga of the family, the one that is lit at first.
    """

    CSS_PATH = "lineage.tcss"
    PLACE = "lineage"
    # A modal screen hides the app's own.
    BINDINGS = [*bindings_for("everywhere")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "LineageList"

    def __init__(self, saga_id: str) -> None:
        self._saga_id = saga_id
        self._list = LineageList()
        super().__init__(PaneHead("Lineage"), self._list)

    async def read(self) -> int:
        """Read the family."""
        # Imported here: nothing needs it until somebody asks.
        from sagaz_core.history.lineage import lineage

        family = await lineage(self._saga_id, self.sagaz.storage)
        self._list.set_family(family, self.sagaz.now())
        count = len(family.branches)
        self._head.set_title(
            f"Lineage of {visible(family.root_id)}", [f"{count} run{'s' * (count != 1)}"]
        )
        return count

    def on_lineage_list_chosen(self, event: LineageList.Chosen) -> None:
        """Open the run that was chosen."""
        self.dismiss(event.saga_id)
