"""Lines of coloured text as values, and the panes that show them line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, overload

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from sagaz_tui.showing.colours import Palette
from sagaz_tui.showing.theme import palette_for
from sagaz_tui.widgets.painted import Painted
from sagaz_tui.widgets.safe_text import clip

Token = Literal[
    "text", "muted", "future", "fail", "ok", "added", "removed", "changed",
    "undo", "live", "ghost", "secret",
]  # fmt: skip

_QUIET: Final = frozenset({"muted", "future"})
_QUIET_IN_REVERSE: Final = _QUIET | {"live"}
"""The row's own sign would else be a patch of its own."""


class Span(NamedTuple):
    """A piece of a line; ``text`` is safe to show. ``token`` is a colour of the palette."""

    text: str
    token: Token = "text"
    bold: bool = False


Line = tuple[Span, ...]
"""One line on the screen."""


def line_width(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(span.text) for span in line)


def line_text(line: Line) -> str:
    """Return a line's text without its colours."""
    return "".join(span.text for span in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """Return one line with ``right`` at its right edge; what is too much of ``left`` is cut."""
    room = width - line_width(right)
    if right and room < 1:
        return crop(right, width)
    kept = crop(left, room - 1 if right else room)
    return (*kept, Span(" " * (room - line_width(kept))), *right)


def crop(line: Line, width: int) -> Line:
    """Return a line cut to ``width`` cells, ending in an ellipsis if it was longer."""
    if line_width(line) <= width:
        return line
    kept: list[Span] = []
    for span in line:
        taken = cell_len(span.text)
        if taken >= width:
            text = clip(span.text + "  ", width)
            return (*kept, Span(text, span.token, span.bold))
        kept.append(span)
        width -= taken
    return tuple(kept)


def paint(line: Line, width: int, palette: Palette, *, selected: bool = False) -> Strip:
    """Return a line as Textual draws it, exactly ``width`` cells wide.

    On a selected line the quiet colours become those of text.
    """
    ground = palette.cursor if selected else palette.bg
    look = "reverse " if selected and palette.cursor == palette.bg else ""
    quiet = _QUIET_IN_REVERSE if look else _QUIET
    segments = []
    for span in crop(line, width):
        token = "text" if selected and span.token in quiet else span.token
        bold = "bold " if span.bold else ""
        style = Style.parse(f"{look}{bold}{getattr(palette, token)} on {ground}")
        segments.append(Segment(span.text, style))
    fill = Style.parse(f"{look}{palette.text} on {ground}")
    return Strip(segments).adjust_cell_length(width, fill)


def paint_for(widget: Widget, line: Line, width: int, *, selected: bool = False) -> Strip:
    """Return a line in the colours of the app that a widget is in."""
    return paint(line, width, palette_for(widget.app.current_theme), selected=selected)


class LaterLines(Sequence[Line]):
    """Lines of which those after the first few are written only when they are looked at.

    Args:
        first: the lines at the top.
        count: how many come after them.
        write: gives one of those, by its index among them.
    """

    def __init__(self, first: Sequence[Line], count: int, write: Callable[[int], Line]) -> None:
        self._first = first
        self._count = count
        self._write = write

    def __len__(self) -> int:
        return len(self._first) + self._count

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self) - len(self._first)
        return self._first[place + len(self._first)] if place < 0 else self._write(place)


class LinePane(Painted, ScrollView, inherit_bindings=False):
    """A scrolling pane that draws only the lines in sight.

    Subclasses give :meth:`line` and :attr:`count`; a changed line is redrawn by
    ``refresh_line``, so that moving a cursor costs two lines whatever the pane holds.
    """

    DEFAULT_CSS = """
    LinePane {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        background: $s-bg;
    }
    """
    can_focus = True
    only_binds_keys = True
    ALLOW_MAXIMIZE = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: dict[int, tuple[Line, bool]] = {}
        """What was drawn last, by the line's place in sight."""
        self._told_width = 0

    @property
    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a line and whether it is the selected one."""
        raise NotImplementedError

    @property
    def text_width(self) -> int:
        """The cells that a line has: all but that of the scrollbar."""
        return self.outer_size.width - self.scrollbar_size_vertical

    def width_changed(self) -> None:
        """Write lines for another :attr:`text_width`, where they are written beforehand."""

    def on_resize(self) -> None:
        """Take in another width."""
        self._take_in_width()

    def _take_in_width(self) -> None:
        if self._told_width != self.text_width:
            self._told_width = self.text_width
            self.width_changed()

    def resized(self) -> None:
        """Take in that :attr:`count` has changed."""
        self.virtual_size = Size(0, self.count)

    def render_line(self, y: int) -> Strip:
        """Draw the line at ``y`` of the visible part."""
        # Textual sends a widget that is new no event if its place was asked for meanwhile.
        if self._told_width != self.text_width:
            self.call_next(self._take_in_width)
        top = round(self.scroll_offset.y)
        line, selected = self._drawn[y] = self._line_at(top + y)
        line = crop(line, self.text_width)
        return paint_for(self, line, self.outer_size.width, selected=selected)

    def _line_at(self, index: int) -> tuple[Line, bool]:
        return self.line(index) if index < self.count else ((), False)

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Have a scrollbar that comes stand where the pane does, which may have moved before."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def refresh_changed(self) -> None:
        """Redraw the lines in sight that would no longer look as they do."""
        top = round(self.scroll_offset.y)
        for y in range(self.scrollable_content_region.height):
            if self._drawn.get(y) != self._line_at(top + y):
                self.refresh_lines(top + y)

    def refresh_lines(self, y_start: int, line_count: int = 1) -> None:
        """Redraw lines; of those out of sight Textual would keep a note each."""
        top = round(self.scroll_offset.y)
        first = max(y_start, top)
        last = min(y_start + line_count, top + self.size.height) - 1
        if first <= last:
            self.refresh(Region(0, first - top, self.text_width, last - first + 1))

    def keep_in_sight(self, index: int, *, ahead: int = 0) -> None:
        """Scroll as little as brings a line into sight, and ``ahead`` lines more beyond it."""
        top, height = round(self.scroll_offset.y), self.scrollable_content_region.height
        if height <= 0:
            return
        if index < top:
            self.scroll_to(y=max(index - ahead, 0), animate=False, force=True)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1 + ahead, animate=False, force=True)


class TextPane(LinePane):
    """A pane of given lines, scrolled without a cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def line(self, index: int) -> tuple[Line, bool]:
        """Return a line; none is ever selected."""
        return self._lines[index], False

    def set_lines(self, lines: Sequence[Line], *, from_top: bool) -> None:
        """Show these lines, from the first one or from where the pane stands."""
        if lines != self._lines:
            self._lines = lines
            self.resized()
            self.refresh_changed()
        if from_top:
            self.scroll_to(y=0, animate=False, force=True)

    def action_move(self, lines: int) -> None:
        """Scroll down by so many lines; up if negative."""
        self.scroll_relative(y=lines, animate=False)
