"""A sheet: a screen over a part of another one, which stays to be read behind a veil."""

from __future__ import annotations

from functools import lru_cache
from typing import Generic

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region, Size
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen, Screen
from textual.strip import Strip

from sagaz_tui.screens.base import Result, SagazScreen


class Sheet(SagazScreen[Result], ModalScreen[Result], Generic[Result]):
    """A screen whose widget ``#sheet`` lies over the one below.

    Textual draws all of the screen below, twice as a sheet opens, and mixes its colours piece by
    piece: half of what opening costs. Here only the lines in sight are drawn, and each colour is
    mixed once.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines of what is behind the sheet."""
        drawn = self.render()
        if not isinstance(drawn, BackgroundScreen):
            return super().render_lines(crop)
        behind = self._behind(drawn.screen, drawn.color)
        blank = Strip.blank(self.size.width, self.rich_style)
        lines = [behind[y] if y < len(behind) else blank for y in crop.line_range]
        return [line.crop(*crop.column_span) for line in lines]

    def _behind(self, below: Screen[object], veil: Color) -> list[Strip]:
        """The lines of the screen below down to where the sheet hides it."""
        veiled = [
            Strip([Segment(text, _mixed(style, veil)) for text, style, _ in line], line.cell_length)
            for line in below._compositor.render_strips(self._in_sight)
        ]
        for each in self.get_line_filters():
            veiled = [strip.apply_filter(each, self.background_colors[1]) for strip in veiled]
        return veiled

    @property
    def _in_sight(self) -> Size:
        """How much of the screen below there is to see, from the top."""
        sheet = self.query_one("#sheet").region
        hides_the_rest = sheet.width == self.size.width and sheet.bottom >= self.size.height
        return Size(self.size.width, sheet.y) if hides_the_rest else self.size


@lru_cache(maxsize=1024)
def _mixed(style: Style | None, veil: Color) -> Style | None:
    """A style as it looks behind a veil, leading nowhere when it is clicked."""
    (segment,) = BackgroundScreen.process_segments([Segment(" ", style)], veil)
    return segment.style
