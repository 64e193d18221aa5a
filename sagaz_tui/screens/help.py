"""The help screen, read from the one table of keys."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult

from sagaz_tui.keys import INSIDE, PLACES, Where, bindings_for, keys_in, shown_keys
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.theme import GLYPHS
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Line, Span, TextPane

_KEY_CELLS = 24


class HelpScreen(SagazScreen[None]):
    """Every key with what it does, those of the screen below first; and what the signs mean.

    Args:
        place: where the person is.
    """

    PLACE = "help"
    DEFAULT_CSS = "HelpScreen TextPane { height: 1fr; }"
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
        """Fill in the table."""
        self.query_one("#title", Bar).show((Span(" Keys and signs", "text", bold=True),))
        lines = help_lines(self._place, self.sagaz.settings.keys, ascii=self.sagaz.ascii)
        self.query_one(TextPane).set_lines(lines, from_top=True)

    def action_scroll_help(self, by: int) -> None:
        """Scroll."""
        self.query_one(TextPane).action_move(by)


def places_around(place: Where) -> list[Where]:
    """Give the places whose keys work on a screen: its own, those inside it, everywhere."""
    inside: list[Where] = [inner for inner, outer in INSIDE.items() if outer == place]
    return [place, *inside, "everywhere"]


def help_lines(place: Where, remapped: Mapping[str, str], *, ascii: bool) -> list[Line]:
    """Give the help as lines: this screen's keys, then the others', then the signs."""
    here = places_around(place)
    lines: list[Line] = []
    for where in [*here, *(where for where in PLACES if where not in here)]:
        rows = [key for key in keys_in(where) if shown_keys(key, remapped)]
        if rows:
            lines += [(), (Span(f" {PLACES[where]}", "live", bold=True),)]
        for key in rows:
            keys = "  ".join(shown_keys(key, remapped))
            lines.append((Span(f"   {keys:<{_KEY_CELLS}}", "text"), Span(key.help, "muted")))
    lines += [(), (Span(" Signs", "live", bold=True),)]
    for sign in GLYPHS.values():
        shown = sign.ascii if ascii else sign.sign
        lines.append((Span(f"   {shown:<{_KEY_CELLS}}", "text"), Span(sign.word, "muted")))
    return lines[1:]
