"""The line in which the list's filter is typed; it is read as it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from sagaz_core.errors import UsageError
from sagaz_tui.keys.table import bindings_for
from sagaz_tui.saga_list.filter import SagaFilter, parse_filter
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.lines import Line, line_width

_TYPING: Final = 0.15
"""Seconds without a key after which what stands there is taken for meant."""


class FilterField(Input):
    """Where the filter is typed."""

    BINDINGS = [*bindings_for("filter")]  # noqa: RUF012 - Textual declares it so

    async def action_submit(self) -> None:
        """Give the keys back at once: the next one is meant for the rows."""
        self.screen.set_focus(None)
        await super().action_submit()


class FilterLine(Horizontal):
    """The filter, and at its right what is new."""

    class Changed(Message):
        """Another filter is meant."""

        def __init__(self, filter: SagaFilter) -> None:
            super().__init__()
            self.filter = filter

    class Refused(Message):
        """What stands there cannot be read; ``words`` say how to write it."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self) -> None:
        super().__init__()
        self.field = FilterField(placeholder="filter", compact=True)
        self._news = Bar(id="news")
        self._before = ""
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay the line out."""
        yield Static(" / ", markup=False)
        yield self.field
        yield self._news

    @property
    def typing(self) -> bool:
        """Whether the keys go into the line."""
        # An answer may still come while the screen is taken down.
        return self.is_attached and self.screen.focused is self.field

    @property
    def meant(self) -> SagaFilter:
        """The filter that stands there now; raises UsageError if it cannot be read."""
        return parse_filter(self.field.value)

    def begin(self) -> None:
        """Let the filter be typed."""
        self._before = self.field.value
        self.screen.set_focus(self.field)

    def leave(self) -> None:
        """Give the keys back, with the filter as it was before."""
        self.field.value = self._before
        self.screen.set_focus(None)
        self.read()

    def clear(self) -> None:
        """Filter nothing."""
        self.field.value = ""
        self.read()

    def show_news(self, news: Line, calls: Mapping[int, str]) -> None:
        """Show a few words at the right; ``calls`` gives what a click on each of them does."""
        self._news.styles.width = min(line_width(news), max(self.size.width - 20, 0))
        self._news.show(news, calls=calls)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Read it once nothing more is typed."""
        event.stop()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_TYPING, self.read)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Read it now."""
        event.stop()
        self.read()

    def read(self) -> None:
        """Say which filter is meant."""
        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        try:
            self.post_message(self.Changed(self.meant))
        except UsageError as error:
            self.post_message(self.Refused(visible(str(error))))
