"""Widgets that keep what they have painted: a key then costs the lines that it changes."""

from __future__ import annotations

from typing import Any, Self

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Painted(Widget):
    """A widget that gives whole lines by ``render_line`` and has neither border nor padding.

    Textual keeps lines too, but takes each through styles and filters again at every update of
    the screen: with many panes, most of what a key costs. These are kept as they were sent.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._kept: dict[int, Strip] = {}
        self._kept_width = 0

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines, of which only those that are not kept are painted."""
        width = self.outer_size.width
        if width != self._kept_width:
            self._kept.clear()
            self._kept_width = width
        strips = [self._kept.get(y) or self._paint(y, width) for y in crop.line_range]
        if crop.column_span != (0, width):
            return [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _paint(self, y: int, width: int) -> Strip:
        strip = self.render_line(y).adjust_cell_length(width, self.rich_style)
        for each in self.get_line_filters():
            strip = strip.apply_filter(each, self.background_colors[1])
        self._kept[y] = strip
        return strip

    def refresh(self, *regions: Region, repaint: bool = True, **options: Any) -> Self:
        """Have these regions painted again, or everything."""
        if regions:
            for region in regions:
                for y in region.line_range:
                    self._kept.pop(y, None)
        elif repaint:
            self._kept.clear()
        return super().refresh(*regions, repaint=repaint, **options)

    def notify_style_update(self) -> None:
        """Paint all again in other colours."""
        self._kept.clear()
        super().notify_style_update()
