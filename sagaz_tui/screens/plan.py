"""The plan: all that a replay would do, shown before anything is done."""

from __future__ import annotations

from textual.app import ComposeResult

from sagaz_tui.keys import bindings_for
from sagaz_tui.replay_process import ReplayRequest
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.widgets.key_footer import KeyFooter


class PlanScreen(SagazScreen[str | None]):
    """Shows what a replay would do; dismissed with the id of the one it started, or None.

    Args:
        request: what is asked for.
        confirm: whether ``enter`` may run it.
    """

    PLACE = "plan"
    BINDINGS = [*bindings_for("plan")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, request: ReplayRequest, *, confirm: bool) -> None:
        super().__init__()
        self.request = request
        self.confirm = confirm

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield KeyFooter("plan", self.sagaz.settings.keys)
