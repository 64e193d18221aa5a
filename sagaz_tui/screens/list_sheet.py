"""A sheet with one list, which is read as it opens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, cast

from textual.app import ComposeResult
from textual.containers import Vertical

from sagaz_core.errors import SagazError
from sagaz_tui.keys.table import ids_in
from sagaz_tui.screens.base import Result
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead

if TYPE_CHECKING:
    from textual.widget import Widget


class NotedList(Protocol):
    """A list in whose place a sentence can stand."""

    def set_note(self, note: str, /) -> None:
        """Show a sentence in place of entries."""


class ListSheet(Sheet[Result], Generic[Result]):
    """A head, a list and its keys. Keys wait for the list to have been read.

    Args:
        head: what the list is of.
        entries: the list.
    """

    NOT_HERE: ClassVar[Iterable[str]] = ()
    """Ids of keys from everywhere that mean nothing on this sheet."""

    def __init__(self, head: PaneHead, entries: NotedList) -> None:
        super().__init__()
        self.filled.clear()
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._head, self._entries = head, entries
        self._footer = KeyFooter(self.PLACE, self.sagaz.settings.keys, leave_out=self._dead(0))

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield self._head
            yield cast("Widget", self._entries)
            yield self._footer

    def on_mount(self) -> None:
        """Read the list."""
        self._head.set_active(True)
        self.in_background("reading", self._fill)

    async def _fill(self) -> None:
        count = 0
        try:
            count = await self.read()
        except SagazError as error:
            self._entries.set_note(visible(str(error)))
        self.show_keys(count)
        self.filled.set()

    async def read(self) -> int:
        """Fill the list and return how many entries it has.

        Raises:
            SagazError: it cannot be read; the sentence stands in its place.
        """
        raise NotImplementedError

    def show_keys(self, count: int) -> None:
        """Show the keys that do something with so many entries."""
        self._footer.show(self.PLACE, leave_out=self._dead(count))

    def _dead(self, count: int) -> set[str]:
        dead = set(self.NOT_HERE)
        if count < 2:
            dead.add(f"{self.PLACE}.down")
        return dead | ids_in(self.PLACE) if not count else dead
