"""The debugger's panes together: which are open at which size, and who has the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.events import DescendantBlur, DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from sagaz_tui.keys.table import bindings_for
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.blame_list import BlameList
from sagaz_tui.widgets.context_rows import ContextState
from sagaz_tui.widgets.context_tree import ContextTree
from sagaz_tui.widgets.lineage_list import LineageList
from sagaz_tui.widgets.painted import has_room
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.scrubber import Scrubber, ScrubberState
from sagaz_tui.widgets.timeline import Timeline, TimelineState
from sagaz_tui.widgets.why import SinceMark, Tab, WhyPane, WhyState, WhyText

if TYPE_CHECKING:
    from datetime import datetime

    from sagaz_core.history.blame import BlameEntry
    from sagaz_core.history.lineage import Lineage

WIDE: Final = 120
HUGE: Final = 180
_HEADS: Final = {
    "timeline": "timeline-head",
    "context": "context-head",
    "blame": "blame-head",
    "lineage": "lineage-head",
}


class Room(Container):
    """A part of the screen that its panes fill, so that it has nothing to paint but ground."""

    BLANK = True


class SearchInput(Input):
    """Where a person types what to search for."""

    BINDINGS = [*bindings_for("search")]  # noqa: RUF012 - Textual declares it so


class DebuggerPanes(Room):
    """Scrubber, timeline, context and Why. They show what they are given and ask for the rest.

    Args:
        width: how wide the screen is, in cells.
    """

    class BlameWanted(Message):
        """The blame pane is open, and shows another key than the context's cursor is on."""

    class LineageWanted(Message):
        """The lineage pane has been opened."""

    def __init__(self, width: int) -> None:
        # Told beforehand: opening panes later means to look up the style of each anew.
        opened = (("-wide", WIDE), ("-huge", HUGE))
        super().__init__(classes=" ".join(name for name, least in opened if width >= least))
        self._laid_out = False
        self._scrubber = Scrubber(id="scrubber")
        self._timeline = Timeline(id="timeline")
        self._context_head = PaneHead("2 Context", id="context-head")
        self.context = ContextTree(id="context")
        """The context's tree."""
        self._search: SearchInput | None = None
        """Where a person types what to search for, once there has been a search."""
        self._why = WhyPane(3, "error", "diff", "step", id="why")
        self._why_diff = WhyPane(4, "diff", id="why-diff")
        self._why_step = WhyPane(5, "step", id="why-step")
        self._why_panes = (self._why, self._why_diff, self._why_step)
        self._blame_head = PaneHead("6 Blame", id="blame-head")
        self.blame = BlameList(id="blame")
        """The values of the context cursor's key."""
        self._lineage = LineageList(id="lineage")
        self._side = Vertical(
            self._why_step,
            Room(self._blame_head, self.blame, id="blame-pane"),
            Room(PaneHead("7 Lineage", id="lineage-head"), self._lineage, id="lineage-pane"),
            id="side-column",
        )

    def compose(self) -> ComposeResult:
        """Lay the panes out that there is room for; whatever else is mounted once it opens."""
        yield self._scrubber
        with Room(id="panes"):
            with Room(id="timeline-pane"):
                yield PaneHead("1 Timeline", id="timeline-head")
                yield self._timeline
            with Vertical(id="context-pane"):
                yield self._context_head
                yield self.context
            with Vertical(id="why-column"):
                yield self._why
                if self.has_class("-wide"):
                    yield self._why_diff
            if self.is_huge:
                yield self._side

    def on_mount(self) -> None:
        """Mount what was opened while the panes were laid out."""
        self._laid_out = True
        self._mount_opened()

    @property
    def is_huge(self) -> bool:
        """Whether everything is open."""
        return self.has_class("-huge")

    def open_for(self, width: int) -> None:
        """Open the panes that there is room for."""
        wide, huge = width >= WIDE, width >= HUGE
        self.set_class(wide, "-wide")
        if huge and not self.is_huge:
            self.post_message(self.LineageWanted())
        self.set_class(huge, "-huge")
        self._mount_opened()
        tabs: tuple[Tab, ...] = ("error", "diff", "step")
        if wide:
            tabs = ("error",) if huge else ("error", "step")
        self._why.offer(*tabs)
        self._want_blame()

    def _mount_opened(self) -> None:
        """Mount panes that are open for the first time."""
        if not self._laid_out:
            return
        if self.has_class("-wide") and not self._why_diff.is_attached:
            self.query_one("#why-column").mount(self._why_diff)
        if self.is_huge and not self._side.is_attached:
            self.query_one("#panes").mount(self._side)

    # -- what is shown

    def show_place(self, place: ScrubberState) -> None:
        """Show where the cursor is."""
        self._scrubber.set_state(place)
        rows = TimelineState(
            place.checkpoints,
            place.cursor,
            place.start,
            place.version,
            place.mark,
            place.ghost,
        )
        self._timeline.set_state(rows)
        if self.is_attached and isinstance(self.screen, SagazScreen):
            # Before anything is read for the other panes.
            self.screen.paint()

    def show_moment(self, context: ContextState, why: WhyState) -> None:
        """Show what was true at a checkpoint."""
        self.context.set_state(context)
        keys = len(context.context.keys() | context.results.keys())
        words = (
            "cannot be read"
            if why.problem
            else f"{keys} key{'s' * (keys != 1)}, {context.added} new"
        )
        self._context_head.set_title(f"2 Context @#{context.sequence}", [words])
        for pane in self._why_panes:
            pane.set_state(why)
        self._want_blame()

    def show_since(self, since: SinceMark | None) -> None:
        """Tell in the diffs what differs from a mark; None: from the checkpoint before."""
        for pane in self._why_panes:
            pane.set_since(since)

    def write_anew(self) -> None:
        """Write what was written ahead again: times are shown in another zone."""
        for pane in self._why_panes:
            pane.write_anew()

    def choose_diff(self) -> None:
        """Open the diff and keep to it."""
        for pane in self._why_panes:
            pane.choose("diff")

    def show_blame(self, key: str, entries: Sequence[BlameEntry], sequence: int) -> BlameList:
        """Show the values of a key in the blame pane, and return that."""
        self.blame.set_entries(entries, sequence)
        self._blame_head.set_title(f"6 Blame {visible(key)}")
        return self.blame

    def show_lineage(self, family: Lineage, now: datetime) -> None:
        """Show the saga's family in the lineage pane."""
        self._lineage.set_family(family, now)

    def on_context_tree_key_chosen(self) -> None:
        """Blame another key, if the pane for it is open."""
        self._want_blame()

    def _want_blame(self) -> None:
        if self.is_huge and self.context.key is not None:
            self.post_message(self.BlameWanted())

    # -- who has the keys

    @property
    def _open(self) -> list[Widget]:
        """The panes that can have the keys, in order."""
        panes = [
            self._timeline,
            self.context,
            *self.query(WhyText),
            self.blame,
            self._lineage,
        ]
        return [pane for pane in panes if has_room(pane)]

    def give_keys(self, number: int) -> None:
        """Give the keys to a pane by its number, to the last one if that is not open.

        The third, if it has them already, opens its next tab.
        """
        panes = self._open
        if not panes:
            return
        pane = panes[min(number, len(panes)) - 1]
        if number == 3 and pane.has_focus:
            self._why.action_next_tab()
        self.screen.set_focus(pane, scroll_visible=False)

    def give_keys_on(self, step: int) -> None:
        """Give the keys to the next pane, or the one before."""
        panes = self._open
        here = next((n for n, pane in enumerate(panes) if pane.has_focus), -1)
        if panes:
            self.screen.set_focus(panes[(here + step) % len(panes)], scroll_visible=False)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Light the head of the pane that got the keys."""
        self._light(event.widget, True)

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Dim the head of the pane that lost them."""
        self._light(event.widget, False)

    def _light(self, widget: Widget, active: bool) -> None:
        head = _HEADS.get(widget.id or "")
        if head is not None:
            self.query_one(f"#{head}", PaneHead).set_active(active)

    def let_go(self) -> bool:
        """Close the search or forget a tab chosen by hand; False if there was neither."""
        if self._search is not None and self._search.display:
            self._close_search()
            return True
        chosen = [pane for pane in self._why_panes if pane.tab_is_chosen]
        for pane in chosen:
            pane.let_go()
        return bool(chosen)

    # -- searching

    def open_search(self) -> None:
        """Begin to type what to search for."""
        if self._search is None:
            hint = "search keys and values"
            self._search = SearchInput(id="search", placeholder=hint, compact=True)
            self.query_one("#context-pane").mount(self._search)
        self._search.display = True
        self._search.value = ""
        self.screen.set_focus(self._search)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        event.stop()
        self._close_search()
        self.context.search(event.value)

    def _close_search(self) -> None:
        if self._search is not None:
            self._search.display = False
        self.screen.set_focus(self.context)

    def on_context_tree_searched(self, event: ContextTree.Searched) -> None:
        """Say how many places match."""
        event.stop()
        places = f"{event.found} place{'s' * (event.found != 1)}" if event.found else "nothing"
        text = f"{places} found for {visible(event.needle)}" + "; n N" * (event.found > 1)
        self.notify(text, markup=False, timeout=3)
