"""The history of a rehearsal: looked at like any other, and of nothing that happened."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult

from sagaz_core.model import Rehearsal
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.replaying.rehearsal_words import GHOST_WORDS
from sagaz_tui.screens.compare import CompareScreen
from sagaz_tui.screens.explorer import ExplorerScreen
from sagaz_tui.widgets.lines import Span
from sagaz_tui.widgets.title_parts import Part, Parts

_ONLY_REAL: Final = frozenset(
    f"debugger.{verb}"
    for verb in (
        *("lineage", "edit", "undo", "redo", "plan", "rehearse", "replay"),
        *("cancel", "log"),
    )
)
"""What can be done with a saga that is in the store, and not with a rehearsal."""


NOT_COPIED: Final = (
    "its original has too many checkpoints to be held beside it; look at both one after another"
)


async def beside_original(rehearsal: Rehearsal) -> CompareScreen | None:
    """Return the comparison of a rehearsal with its original; None: that is not beside it."""
    held: SnapshotStorage = rehearsal.storage
    ghost = await held.get_saga(rehearsal.saga_id)
    original = ghost.parent_id if ghost is not None else None
    if original is None or await held.get_saga(original) is None:
        return None
    return CompareScreen(original, rehearsal.saga_id, rehearsal=rehearsal)


class GhostScreen(ExplorerScreen):
    """Scrubs through what a rehearsal recorded, in memory.

    Args:
        rehearsal: what was walked.
        at: the checkpoint to begin at; None: where any saga begins.
    """

    PLACE = "debugger"
    IS_GHOST = True
    MEANS_NOTHING = _ONLY_REAL
    BINDINGS = [  # noqa: RUF012 - Textual declares it so
        binding for binding in bindings_for("debugger") if binding.id not in _ONLY_REAL
    ]

    def __init__(self, rehearsal: Rehearsal, *, at: int | None = None) -> None:
        super().__init__(rehearsal.saga_id, at=at)
        self._rehearsal = rehearsal
        self._memory: SnapshotStorage = rehearsal.storage

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield from super().compose()
        yield self._footer

    def dead_keys(self) -> set[str]:
        """Return the ids of the debugger's keys that do nothing now."""
        return super().dead_keys() | _ONLY_REAL

    @property
    def storage(self) -> SnapshotStorage:
        """The rehearsal's own store."""
        return self._memory

    def _link_words(self) -> Parts:
        return (Part((Span(f" {GHOST_WORDS} ", "ghost"),)),)

    async def action_compare(self) -> None:
        """Lay what did not happen beside the run that it was to grow from."""
        screen = await beside_original(self._rehearsal)
        if screen is None:
            self._say(NOT_COPIED)
        else:
            self.app.push_screen(screen)

    def action_back(self) -> None:
        """Close what is open, then go back to the rehearsal."""
        if not self._let_go():
            self.dismiss(None)
