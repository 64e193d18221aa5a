"""The saga list: what failed, newest first, by error, live."""

from __future__ import annotations

from textual.app import ComposeResult

from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.widgets.key_footer import KeyFooter


class SagasScreen(SagazScreen[None]):
    """The list of sagas."""

    BINDINGS = [*bindings_for("list")]  # noqa: RUF012 - Textual declares it so

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield KeyFooter("list", self.sagaz.settings.keys)
