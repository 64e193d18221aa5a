"""The palette: any action by its name, and in a debugger any place of the history."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.widgets import Input, Static

from sagaz_core.errors import SagazError
from sagaz_tui.debugger.destination import Progress
from sagaz_tui.debugger.going import HINT, Go, parse_go
from sagaz_tui.keys.commands import Command, commands_for, matching
from sagaz_tui.keys.table import Where, sheet_bindings
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.command_list import CommandList
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead


class History(Protocol):
    """A screen that has a history to go about in."""

    async def find_place(self, go: Go, progress: Progress) -> int:
        """Return the number of the checkpoint to go to, telling how far a search has come."""

    def go_to_place(self, sequence: int) -> None:
        """Go there."""


_BETWEEN_PICTURES: Final = 0.1
_BRIEFLY: Final = 0.2
"""Seconds for which the next key waits for a place to be found: it is meant for what is there."""


class PaletteInput(Input):
    """Where a command or a place is typed."""

    async def action_submit(self) -> None:
        """Do it at once: the next key is meant for what comes of it."""
        assert isinstance(self.screen, PaletteScreen)
        await self.screen.action_run()


class PaletteScreen(Sheet[str | None]):
    """Dismissed with the action to call, or None.

    Args:
        place: where the person is.
        history: where to go about; None: there is no history here.
        leave_out: ids of keys that mean nothing there.
    """

    CSS_PATH = "palette.tcss"
    PLACE = "palette"
    BINDINGS = [*sheet_bindings("palette")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "PaletteInput"

    def __init__(
        self,
        place: Where,
        history: History | None = None,
        *,
        leave_out: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__()
        themes = list(self.sagaz.available_themes)
        self._commands = commands_for(place, self.sagaz.settings.keys, themes, leave_out)
        self._history = history
        self._shown: list[Command] = []
        self._go: Go | None = None
        # Kept, not looked up: the screen may be taken down while it opens or an answer comes.
        self._head = PaneHead("Palette")
        self._list = CommandList()
        self._input = PaletteInput(
            placeholder=HINT if history is not None else "what to do", compact=True
        )
        self._found = asyncio.Event()
        self._searching = False
        self._progress = ""

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield self._head
            yield self._list
            with Horizontal(id="prompt"):
                yield Static(" : ", markup=False)
                yield self._input
            left_out = ("help", "quit")
            yield KeyFooter("palette", self.sagaz.settings.keys, leave_out=left_out)

    def on_mount(self) -> None:
        """Offer everything."""
        self._head.set_active(True)
        # What is found at once is not told of: each time it is painted makes it later.
        self.set_interval(_BETWEEN_PICTURES, self._show_progress)
        self._offer()

    def on_resize(self, event: Resize) -> None:
        """Write the entries for another width."""
        self._list.refresh()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer what fits what is typed."""
        event.stop()
        if not self._searching:
            self._offer()

    def _offer(self) -> None:
        typed = self._input.value
        self._go = parse_go(typed) if self._history is not None else None
        self._shown = matching(self._commands, typed)
        entries = [(command.text, command.keys) for command in self._shown]
        if self._go is not None:
            entries.insert(0, (self._go.words, ""))
        if entries:
            self._list.set_entries(entries)
        else:
            hint = f"; to go somewhere: {HINT}" if self._history is not None else ""
            self._list.set_note(f"nothing is called {visible(typed)}{hint}", "muted")

    # ------------------------------------------------------------ keys

    def action_move(self, by: int) -> None:
        """Light another entry."""
        self._list.move(by)

    async def action_run(self) -> None:
        """Do what is lit, or go where it says."""
        if self._searching:
            return
        lit = self._list.lit
        # Keys that came in one piece are dealt with before the list hears of them.
        self._offer()
        self._list.move(lit)
        if self._go is not None and self._list.lit == 0:
            await self._start(self._go)
            return
        place = self._list.lit - (self._go is not None)
        if 0 <= place < len(self._shown):
            self.dismiss(self._shown[place].call)

    async def on_command_list_clicked(self) -> None:
        """Do what was clicked."""
        await self.action_run()

    def action_back(self) -> None:
        """Leave a search; without one, leave."""
        if self._searching:
            self.workers.cancel_group(self, "go")
            self._searching = False
            self._list.set_note("left; enter begins it again", "muted")
        else:
            self.dismiss(None)

    # ------------------------------------------------------------ going

    async def _start(self, go: Go) -> None:
        self._searching = True
        self._found.clear()
        self.in_background("go", self._find, go)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._found.wait(), _BRIEFLY)

    async def _find(self, go: Go) -> None:
        assert self._history is not None
        try:
            found = await self._history.find_place(go, self._tell)
        except SagazError as error:
            self._list.set_note(visible(str(error)), "changed")
        else:
            self.dismiss(None)
            # Read while this goes away, but painted without it.
            self.call_next(self._history.go_to_place, found)
        self._searching = False
        self._found.set()

    def _tell(self, words: str) -> None:
        self._progress = words

    def _show_progress(self) -> None:
        if self._searching and self._progress:
            self._list.set_note(f"{self._progress} · esc leaves it", "live")
            self._progress = ""
