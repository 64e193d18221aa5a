"""The sheet with the steps that a replay can start at, each from its newest checkpoint."""

from __future__ import annotations

from textual.events import Resize

from sagaz_tui.keys.table import sheet_bindings
from sagaz_tui.replaying.start import NO_START, Start, starts_of
from sagaz_tui.screens.list_sheet import ListSheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.command_list import CommandList
from sagaz_tui.widgets.pane_head import PaneHead


class StartScreen(ListSheet[Start | None]):
    """Dismissed with the start that was chosen, or None.

    Args:
        saga_id: the saga that is to be replayed.
        step: the step that it starts at now, which is lit at first.
    """

    CSS_PATH = "start.tcss"
    PLACE = "start"
    BINDINGS = [*sheet_bindings("start")]  # noqa: RUF012 - Textual declares it so
    NOT_HERE = ("help", "quit")

    def __init__(self, saga_id: str, step: str) -> None:
        self._saga_id, self._step = saga_id, step
        self._starts: list[Start] = []
        self._list = CommandList()
        super().__init__(PaneHead("Start at"), self._list)

    def on_mount(self) -> None:
        """Say that it is being read."""
        self._list.set_note("reading…", "muted")

    def on_resize(self, event: Resize) -> None:
        """Write the steps for another width."""
        self._list.refresh()

    async def read(self) -> int:
        """Read where it can start."""
        self._starts = await starts_of(self.storage, self._saga_id)
        if not self._starts:
            self._list.set_note(NO_START)
            return 0
        self._list.set_entries([(visible(each.step), f"#{each.sequence}") for each in self._starts])
        self._list.move(
            next((at for at, each in enumerate(self._starts) if each.step == self._step), 0)
        )
        return len(self._starts)

    def action_move(self, by: int) -> None:
        """Light another step."""
        self._list.move(by)

    def action_choose(self) -> None:
        """Start at the step that is lit."""
        if self._starts:
            self.dismiss(self._starts[self._list.lit])

    def on_command_list_clicked(self) -> None:
        """Start at the step that was clicked."""
        self.action_choose()

    def action_back(self) -> None:
        """Leave the start where it is."""
        self.dismiss(None)
