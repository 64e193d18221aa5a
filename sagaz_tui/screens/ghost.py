"""The history of a rehearsal: looked at like any other, and of nothing that happened."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult

from sagaz_core.model import Rehearsal
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.explorer import ExplorerScreen
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span

_ONLY_REAL: Final = frozenset(
    f"debugger.{verb}"
    for verb in ("lineage", "compare", "edit", "undo", "redo", "plan", "rehearse", "replay")
)
"""What can be done with a saga that is in the store, and not with a rehearsal."""


class GhostScreen(ExplorerScreen):
    """Scrubs through what a rehearsal recorded, in memory.

    Args:
        rehearsal: what was walked.
    """

    PLACE = "debugger"
    MEANS_NOTHING = _ONLY_REAL
    BINDINGS = [  # noqa: RUF012 - Textual declares it so
        binding for binding in bindings_for("debugger") if binding.id not in _ONLY_REAL
    ]

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal.saga_id)
        self._memory: SnapshotStorage = rehearsal.storage

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield from super().compose()
        yield KeyFooter("debugger", self.sagaz.settings.keys, leave_out=_ONLY_REAL)

    @property
    def storage(self) -> SnapshotStorage:
        """The rehearsal's own store."""
        return self._memory

    def _link_words(self) -> Line:
        return (Span(" GHOST  nothing ran ", "ghost"),)

    def action_back(self) -> None:
        """Close what is open, then go back to the rehearsal."""
        if not self._let_go():
            self.dismiss(None)
