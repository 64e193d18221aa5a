"""The sheet with the steps that a replay can start at, each from its newest checkpoint."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize

from sagaz_core.errors import SagazError
from sagaz_tui.keys import sheet_bindings
from sagaz_tui.replay_start import NO_START, Start, starts_of
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.text import visible
from sagaz_tui.widgets.command_list import CommandList
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead


class StartScreen(Sheet[Start | None]):
    """Dismissed with the start that was chosen, or None.

    Args:
        saga_id: the saga that is to be replayed.
        step: the step that it starts at now, which is lit at first.
    """

    CSS_PATH = "start.tcss"
    PLACE = "start"
    BINDINGS = [*sheet_bindings("start")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, saga_id: str, step: str) -> None:
        super().__init__()
        self._saga_id, self._step = saga_id, step
        self._starts: list[Start] = []
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._list = CommandList()

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield PaneHead("Start at")
            yield self._list
            left_out = ("help", "quit")
            yield KeyFooter("start", self.sagaz.settings.keys, leave_out=left_out)

    def on_mount(self) -> None:
        """Read where it can start."""
        self.query_one(PaneHead).set_active(True)
        self._list.set_note("reading…", "muted")
        self.in_background("starts", self._read)

    def on_resize(self, event: Resize) -> None:
        """Write the steps for another width."""
        self._list.refresh()

    async def _read(self) -> None:
        try:
            self._starts = await starts_of(self.storage, self._saga_id)
        except SagazError as error:
            self._list.set_note(visible(str(error)), "changed")
            return
        if not self._starts:
            self._list.set_note(NO_START, "changed")
            return
        self._list.set_entries([(visible(each.step), f"#{each.sequence}") for each in self._starts])
        self._list.move(
            next((at for at, each in enumerate(self._starts) if each.step == self._step), 0)
        )

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
