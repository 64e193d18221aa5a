"""What a replay's process prints, followed at its end while that is in sight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rich.cells import chop_cells
from textual.containers import Vertical
from textual.widget import Widget

from sagaz_tui.keys.table import bindings_for
from sagaz_tui.replaying.output import Output, output_size, read_output
from sagaz_tui.showing.text import short_size, visible
from sagaz_tui.widgets.lines import Line, Span, TextPane, Token
from sagaz_tui.widgets.pane_head import PaneHead

_LOOK_AGAIN: Final = 0.2


def log_lines(output: Output, log: Path, width: int) -> list[Line]:
    """Give what was printed as lines of at most ``width`` cells, whole, after where it is."""
    left_out = f", whose first {short_size(output.left_out)} are left out here"
    place = f"in {visible(str(log))}{left_out if output.left_out else ''}"
    return [*folded([place], width, "muted"), *folded(output.lines, width)]


def folded(texts: Iterable[str], width: int, token: Token = "text") -> Iterator[Line]:
    """Give texts that are safe to show as lines of at most ``width`` cells, whole."""
    for text in texts:
        for part in _pieces(text, max(width - 1, 1)):
            yield (Span(f" {part}", token),)


def _pieces(text: str, width: int) -> Iterator[str]:
    if len(text) * 2 <= width:
        yield text
    elif text.isascii():
        yield from (text[at : at + width] for at in range(0, len(text), width))
    else:
        yield from chop_cells(text, width)


class LogText(TextPane, inherit_bindings=False):
    """The lines. Those in sight stay where they are: only at the end are new ones taken in."""

    BINDINGS = [*bindings_for("log")]  # noqa: RUF012 - Textual declares it so

    @property
    def at_end(self) -> bool:
        """Whether the last line is in sight."""
        return round(self.scroll_offset.y) >= self.max_scroll_y

    def go_to_end(self) -> None:
        """Scroll to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def action_first(self) -> None:
        """Go to the first line."""
        self.scroll_to(y=0, animate=False, force=True)

    def action_end(self) -> None:
        """Go to the last line, and follow."""
        self.go_to_end()


class ReplayLog(Vertical):
    """The log of one replay; hidden until it is opened."""

    DEFAULT_CSS = """
    ReplayLog { display: none; height: 40%; min-height: 4; background: $s-bg; }
    ReplayLog LogText { height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._file: Path | None = None
        self._read_to = -1
        """How long the output was when it was read last."""
        self._before: Widget | None = None
        self._head = PaneHead("Log")
        self._text = LogText()

    def on_mount(self) -> None:
        """Prepare to look for news."""
        self._looking = self.set_interval(_LOOK_AGAIN, self._look, pause=True)

    @property
    def has_keys(self) -> bool:
        """Whether the keys go here."""
        return self._text.has_focus

    def open(self, log: Path) -> None:
        """Show a replay's output from now on, and take the keys."""
        if not self._text.is_attached:
            self.mount(self._head, self._text)
        if not self.display:
            self._before = self.screen.focused
            self._file, self._read_to = log, -1
            self.display = True
            self._looking.resume()
            self.call_after_refresh(self._read)
        self.screen.set_focus(self._text)

    def close(self) -> None:
        """Hide it again."""
        self.display = False
        self._looking.pause()
        self.screen.set_focus(self._before)

    def on_descendant_focus(self) -> None:
        """Light the head."""
        self._head.set_active(True)

    def on_descendant_blur(self) -> None:
        """Dim the head."""
        self._head.set_active(False)

    def on_resize(self) -> None:
        """Fold the lines at another width."""
        if self.display and self._read_to >= 0:
            self._read()

    def _look(self) -> None:
        if self._file is None or self._read_to < 0:
            return
        more = output_size(self._file) - self._read_to
        if more and self._text.at_end:
            self._read()
        else:
            self._say(f"{short_size(more)} more below" if more > 0 else "")

    def _read(self) -> None:
        assert self._file is not None
        following = self._read_to < 0 or self._text.at_end
        try:
            output = read_output(self._file)
        except OSError as error:
            self._say(f"cannot be read: {error.strerror}")
            return
        self._read_to = output.size
        # A scrollbar may come with these very lines.
        lines = log_lines(output, self._file, self._text.outer_size.width - 1)
        self._text.set_lines(lines, from_top=False)
        if following:
            self._text.go_to_end()
        self._say("")

    def _say(self, words: str) -> None:
        note = words or ("following" if self._text.at_end else "")
        self._head.set_title("Log", [note] if note else [])
