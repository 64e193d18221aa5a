"""The help screen, read from the one table of keys."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.events import Resize

from sagaz_tui.keys.table import INSIDE, PLACES, Where, bindings_for, keys_in, shown_keys
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.theme import GLYPHS
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, TextPane
from sagaz_tui.widgets.safe_text import wrap

_INDENT = 3
_KEY_CELLS = 24
_HELP_LINES = 4


class HelpScreen(SagazScreen[None]):
    """Every key with what it does, those of the screen below first; and what the signs mean.

    Args:
        place: where the person is.
    """

    PLACE = "help"
    DEFAULT_CSS = "HelpScreen TextPane { height: 1fr; scrollbar-gutter: stable; }"
    BINDINGS = [*bindings_for("help")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, place: Where) -> None:
        super().__init__()
        self._place: Where = place

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield Bar(id="title")
        yield TextPane()
        yield KeyFooter("help", self.sagaz.settings.keys)

    def on_mount(self) -> None:
        """Say what this is."""
        self.query_one("#title", Bar).show((Span(" Keys and signs", "text", bold=True),))

    def on_resize(self, event: Resize) -> None:
        """Write the table for another width."""
        pane, keys = self.query_one(TextPane), self.sagaz.settings.keys
        lines = help_lines(self._place, keys, pane.text_width, ascii=self.sagaz.ascii)
        pane.set_lines(lines, from_top=False)

    def action_scroll_help(self, by: int) -> None:
        """Scroll."""
        self.query_one(TextPane).action_move(by)


def places_around(place: Where) -> list[Where]:
    """Give the places whose keys work on a screen: its own, those inside it, everywhere."""
    inside: list[Where] = [inner for inner, outer in INSIDE.items() if outer == place]
    return [place, *inside, "everywhere"]


def help_lines(place: Where, remapped: Mapping[str, str], width: int, *, ascii: bool) -> list[Line]:
    """Give the help as lines: this screen's keys, then the others', then the signs."""
    here = places_around(place)
    room = max(width - _INDENT - _KEY_CELLS - 1, _KEY_CELLS)
    lines: list[Line] = []
    for where in [*here, *(where for where in PLACES if where not in here)]:
        rows = [key for key in keys_in(where) if shown_keys(key, remapped)]
        if rows:
            lines += [(), (Span(f" {PLACES[where]}", "live", bold=True),)]
        for key in rows:
            keys = "  ".join(shown_keys(key, remapped))
            for part in wrap(key.help, room, _HELP_LINES):
                lines.append(_row(keys, part))
                keys = ""
    lines += [(), (Span(" Signs", "live", bold=True),)]
    for sign in GLYPHS.values():
        shown = sign.ascii if ascii else sign.sign
        lines.append(_row(shown, sign.word))
    return lines[1:]


def _row(left: str, right: str) -> Line:
    return (Span(f"{' ' * _INDENT}{left:<{_KEY_CELLS}}"), Span(right, "muted"))
