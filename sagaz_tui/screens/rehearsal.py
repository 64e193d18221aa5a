"""The rehearsal of a plan: what would happen, walked without doing it."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.events import Resize

from sagaz_core.errors import SagazError
from sagaz_core.model import ReplayResult
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.replaying.planning import rehearse
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.screens.ghost import NOT_COPIED, GhostScreen, beside_original
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.theme import glyph
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, TextPane
from sagaz_tui.widgets.plan_lines import wrapped
from sagaz_tui.widgets.rehearsal_lines import rehearsal_lines

_OF_ITS_END: Final = frozenset({"rehearsal.open", "rehearsal.compare"})
"""What can be done with a rehearsal that was possible."""


class RehearsalScreen(SagazScreen[None]):
    """Rehearses a replay and shows what each step did; nothing happens and nothing is written.

    Args:
        request: what is asked for.
        digest: of the plan that was shown, if one was; another one is not rehearsed.
    """

    PLACE = "rehearsal"
    DEFAULT_CSS = "RehearsalScreen TextPane { height: 1fr; scrollbar-gutter: stable; }"
    BINDINGS = [*bindings_for("rehearsal")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, request: ReplayRequest, digest: str | None = None) -> None:
        super().__init__()
        self._title, self._pane = Bar(id="title"), TextPane()
        self._footer = KeyFooter("rehearsal", self.sagaz.settings.keys, leave_out=_OF_ITS_END)
        self.filled.clear()
        self._request = request
        self._digest = digest
        self._result: ReplayResult | None = None
        self._trouble = ""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield self._title
        yield self._pane
        yield self._footer

    def on_mount(self) -> None:
        """Rehearse."""
        name = f"replay of {visible(self._request.saga_id)}"
        left = (Span(" Rehearsal  ", "muted"), Span(name, "text", bold=True))
        self._title.show(left, (Span("GHOST  NOTHING HAS RUN ", "ghost"),))
        self._pane.set_lines([(Span(" rehearsing…", "muted"),)], from_top=True)
        self.in_background("rehearsal", self._rehearse)

    async def _rehearse(self) -> None:
        try:
            self._result = await rehearse(self.sagaz.settings, self._request, self._digest)
        except SagazError as error:
            self._trouble = str(error)
        if self._result is not None and self._result.rehearsal is not None:
            self._footer.show("rehearsal")
        self._show()
        self.filled.set()

    def _show(self) -> None:
        width, result = self._pane.text_width, self._result
        lines: list[Line] = []
        if result is not None and result.rehearsal is not None:
            lines = rehearsal_lines(result, result.rehearsal, width)
        elif reasons := self._reasons():
            lines = [(Span(" Not rehearsed", "fail", bold=True),)]
            for reason in reasons:
                lines += wrapped(reason, width, "fail", lead=glyph("step_failed"))
        if lines:
            self._pane.set_lines(lines, from_top=False)

    def _reasons(self) -> list[str]:
        """Why there is nothing to see; empty while it goes on."""
        plan = self._result.plan if self._result is not None else None
        if plan is not None:
            return [problem.message for problem in plan.problems]
        return [self._trouble] if self._trouble else []

    def on_resize(self, event: Resize) -> None:
        """Wrap the lines anew."""
        self._show()

    def action_open(self) -> None:
        """Scrub through the history that did not happen."""
        if self._result is not None and self._result.rehearsal is not None:
            self.app.push_screen(GhostScreen(self._result.rehearsal))

    async def action_compare(self) -> None:
        """Lay it beside its original."""
        if self._result is None or self._result.rehearsal is None:
            return
        screen = await beside_original(self._result.rehearsal)
        if screen is None:
            self.notify(NOT_COPIED, markup=False, timeout=4)
        else:
            self.app.push_screen(screen)

    def action_scroll_lines(self, by: int) -> None:
        """Scroll."""
        self._pane.action_move(by)
