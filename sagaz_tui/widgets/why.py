"""The Why pane: the error, what changed, or how the steps went, at the cursor's checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from sagaz_core.model import CheckpointSummary, Difference, StepInfo
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.diff_lines import diff_heading, diff_lines
from sagaz_tui.widgets.lines import Line, Span, TextPane
from sagaz_tui.widgets.painted import has_room
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.why_lines import error_lines, step_lines

Tab = Literal["error", "diff", "step"]


@dataclass(frozen=True, slots=True, eq=False)
class WhyState:
    """What can be told of one checkpoint. ``changes`` is None while they are being read."""

    checkpoint: CheckpointSummary
    before: int | None = None
    """The number of the checkpoint before it."""
    changes: tuple[Difference, ...] | None = None
    causes: Mapping[str, str | None] = field(default_factory=dict)
    """Top-level key that changed, to the step that changed it."""
    definitions: Mapping[str, StepInfo] = field(default_factory=dict)
    failure: CheckpointSummary | None = None
    """The saga's latest failed step."""
    problem: str = ""
    """Why the checkpoint cannot be read; empty: it can."""


@dataclass(frozen=True, slots=True, eq=False)
class SinceMark:
    """What differs between a marked checkpoint and another one, the earlier first."""

    mark: int
    sequence: int
    changes: tuple[Difference, ...]
    problem: str = ""
    """Why one of them cannot be read; empty: both can."""

    @property
    def heading(self) -> str:
        """From where to where: ``#2 (mark) → #5``."""
        if self.mark == self.sequence:
            return f"#{self.mark} (mark) is where the cursor is"
        first, last = f"#{self.mark} (mark)", f"#{self.sequence}"
        if self.mark > self.sequence:
            first, last = f"#{self.sequence}", f"#{self.mark} (mark)"
        return f"{first} → {last}"


class WhyText(TextPane):
    """The lines of the open tab."""

    DEFAULT_CSS = "WhyText { scrollbar-gutter: stable; }"

    class Resized(Message):
        """There is another width to write for."""

    def width_changed(self) -> None:
        """Ask for lines of the new width."""
        self.post_message(self.Resized())


class WhyPane(Vertical):
    """One pane with some of the tabs."""

    BLANK = True
    BINDINGS = [*bindings_for("why")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, number: int, *tabs: Tab, id: str) -> None:
        super().__init__(id=id)
        self._number = number
        self._tabs: tuple[Tab, ...] = tabs
        self._chosen: Tab | None = None
        self._library = False
        self._beside = False
        self._since: SinceMark | None = None
        self._state: WhyState | None = None
        self._from_top = False
        self._head = PaneHead(f"{number} Why")
        self._text = WhyText(id=f"{id}-text")

    def compose(self) -> ComposeResult:
        """Lay the pane out."""
        yield self._head
        yield self._text

    @property
    def open_tab(self) -> Tab:
        """The tab chosen by hand, else Error where there is one, else the tab after it."""
        if self._chosen in self._tabs:
            return self._chosen
        state = self._state
        failed = state is not None and state.checkpoint.error is not None
        return self._tabs[0] if failed or len(self._tabs) == 1 else self._tabs[1]

    @property
    def tab_is_chosen(self) -> bool:
        """Whether a tab was chosen by hand and still holds."""
        return self._chosen is not None

    def offer(self, *tabs: Tab) -> None:
        """Have these tabs from now on."""
        if tabs != self._tabs:
            self._tabs = tabs
            self._write(from_top=True)

    def set_state(self, state: WhyState) -> None:
        """Tell of another checkpoint, from the first line."""
        moved = self._state is None or self._state.checkpoint.sequence != state.checkpoint.sequence
        self._state = state
        self._write(from_top=moved)

    def set_since(self, since: SinceMark | None) -> None:
        """Have the tab Diff tell what differs from a mark; None: from the checkpoint before."""
        self._since = since
        self._write(from_top=False)

    def write_anew(self) -> None:
        """Write the same again."""
        self._write(from_top=False)

    def choose(self, tab: Tab) -> None:
        """Open a tab and keep to it, if this pane has it beside others."""
        if tab in self._tabs and len(self._tabs) > 1:
            self._choose(self._tabs.index(tab))

    def let_go(self) -> None:
        """Forget the tab chosen by hand."""
        self._chosen = None
        self._write(from_top=True)

    def action_move(self, lines: int) -> None:
        """Scroll so many lines down; up if negative."""
        self._text.action_move(lines)

    def action_next_tab(self) -> None:
        """Open the next tab and keep to it."""
        self._choose((self._tabs.index(self.open_tab) + 1) % len(self._tabs))

    def action_library(self) -> None:
        """Show or hide frames of installed code."""
        state = self._state
        if state is None:
            return
        if self.open_tab != "error":
            self._say("only the tab Error has library frames")
            return
        width = self._text.text_width
        shown, hidden = (why_lines(state, "error", width, library=each) for each in (True, False))
        if shown == hidden:
            self._say("this error has no library frames")
            return
        self._library = not self._library
        self._write(from_top=False)

    def action_beside(self) -> None:
        """Show before and after side by side in the tab Diff, or a line each."""
        if "diff" not in self._tabs:
            self._say("the diff is in another pane")
            return
        self._beside = not (self._beside and self.open_tab == "diff")
        self.choose("diff")
        self._write(from_top=True)

    def _say(self, text: str) -> None:
        self.notify(text, markup=False, timeout=3)

    def _choose(self, index: int) -> None:
        self._chosen = self._tabs[index]
        self._write(from_top=True)

    def on_pane_head_tab_clicked(self, event: PaneHead.TabClicked) -> None:
        """Open the tab that was clicked and keep to it."""
        event.stop()
        self._choose(event.index)

    def on_why_text_resized(self, event: WhyText.Resized) -> None:
        """Write the lines again."""
        event.stop()
        self._write(from_top=False)

    def on_descendant_focus(self) -> None:
        """Light the head."""
        self._head.set_active(True)

    def on_descendant_blur(self) -> None:
        """Dim the head."""
        self._head.set_active(False)

    def _write(self, *, from_top: bool) -> None:
        state = self._state
        self._from_top |= from_top
        # What is not open is written as soon as it is: it gets another size then.
        if state is None or not has_room(self):
            return
        tab = self.open_tab
        changes = self._since.changes if self._since else state.changes
        count = "" if changes is None else f" {len(changes):,}"
        words = {"error": "Error", "diff": f"Diff{count}", "step": "Step"}
        name = "Why" if len(self._tabs) > 1 else words[tab]
        tabs = [words[tab] for tab in self._tabs] if len(self._tabs) > 1 else []
        title = f"{self._number} {name} @#{state.checkpoint.sequence}"
        self._head.set_title(title, tabs, self._tabs.index(tab))
        width = self._text.text_width
        if tab == "diff":
            lines = why_diff(state, self._since, width, beside=self._beside)
        else:
            lines = why_lines(state, tab, width, library=self._library)
        self._text.set_lines(lines, from_top=self._from_top)
        self._from_top = False


_READING: Final[Line] = (Span(" reading…", "muted"),)


def why_diff(
    state: WhyState, since: SinceMark | None, width: int, *, beside: bool = False
) -> Sequence[Line]:
    """Return the lines of the tab Diff, written for ``width`` cells."""
    problem = since.problem if since else state.problem
    if problem:
        return [(Span(f" {visible(problem)}", "changed"),)]
    changes = since.changes if since else state.changes
    if changes is None:
        return [_READING]
    if since:
        heading = since.heading
    else:
        heading = diff_heading(state.checkpoint.sequence, state.before, state.causes)
    if beside:
        from sagaz_tui.widgets.side_by_side import side_by_side

        return side_by_side(heading, changes, width)
    return diff_lines(heading, changes, width)


def why_lines(state: WhyState, tab: Tab, width: int, *, library: bool = False) -> Sequence[Line]:
    """Return the lines of the tab Error or Step, written for ``width`` cells."""
    if tab == "error":
        return error_lines(state.checkpoint, state.failure, width, library=library)
    return step_lines(state.checkpoint, state.definitions, width)
