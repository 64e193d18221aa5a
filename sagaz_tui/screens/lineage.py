"""The sheet with a saga's family: which replay grew from where, with what changed and why."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from sagaz_core.errors import SagazError
from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.text import visible
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lineage_list import LineageList
from sagaz_tui.widgets.pane_head import PaneHead


class LineageScreen(Sheet[str | None]):
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
        super().__init__()
        self._saga_id = saga_id
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._head, self._list = PaneHead("Lineage"), LineageList()

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield self._head
            yield self._list
            yield KeyFooter("lineage", self.sagaz.settings.keys)

    def on_mount(self) -> None:
        """Read the family."""
        self._head.set_active(True)
        self.in_background("family", self._show_family)

    async def _show_family(self) -> None:
        # Imported here: nothing needs it until somebody asks.
        from sagaz_core.history.lineage import lineage

        try:
            family = await lineage(self._saga_id, self.sagaz.storage)
        except SagazError as error:
            self._list.set_note(visible(str(error)))
            return
        self._list.set_family(family, self.sagaz.now())
        count = len(family.branches)
        self._head.set_title(
            f"Lineage of {visible(family.root_id)}", [f"{count} run{'s' * (count != 1)}"]
        )

    def on_lineage_list_chosen(self, event: LineageList.Chosen) -> None:
        """Open the run that was chosen."""
        self.dismiss(event.saga_id)
