"""Widgets that keep what they have painted: a key then costs the lines that it changes."""

from __future__ import annotations

from typing import Any, Self

from textual.color import Color
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
        self._ground: Color | None = None

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
        strip = self.render_line(y)
        if strip.cell_length != width:
            strip = strip.adjust_cell_length(width, self.rich_style)
        for each in self.get_line_filters():
            if self._ground is None:
                self._ground = self.background_colors[1]
            strip = strip.apply_filter(each, self._ground)
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
        if options or not repaint or not self.is_mounted or not self.is_attached:
            return super().refresh(*regions, repaint=repaint, **options)
        # Straight to the screen: the way through this widget's queue takes as long as painting.
        self._repaint_regions.update(regions or [self.outer_size.region])
        self.screen._dirty_widgets.add(self)
        self.screen.check_idle()
        return self

    def notify_style_update(self) -> None:
        """Paint all again in other colours."""
        self._kept.clear()
        self._ground = None
        super().notify_style_update()


def has_room(widget: Widget) -> bool:
    """Whether a widget has a place on the screen: it is there, and nothing around it is hidden."""
    return widget.is_attached and all(
        node.display for node in widget.ancestors_with_self if isinstance(node, Widget)
    )
