"""Sends the terminal the lines that have changed, and looks at nothing else of the screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console, RenderableType
from textual._compositor import Compositor, CompositorUpdate
from textual._context import visible_screen_stack
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip

Piece = tuple[int, int, Strip]
"""A part of a line: its row and column on the screen, and what is there."""
_Spans = dict[int, list[tuple[int, int]]]

_MOVE_TO: Final = "\x1b[{};{}H"


class Pieces(CompositorUpdate):
    """Parts of lines, each sent to its place."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.pieces = sorted(pieces, key=lambda piece: piece[:2])

    def render_segments(self, console: Console) -> str:
        """Return what is written to the terminal."""
        written: list[str] = []
        end = (-1, 0)
        for y, x, strip in self.pieces:
            if (y, x) != end:
                written.append(_MOVE_TO.format(y + 1, x + 1))
            written.append(strip.render(console))
            end = (y, x + strip.cell_length)
        return "".join(written)


class LineCompositor(Compositor):
    """A compositor for screens of which a key changes few lines.

    Textual's asks every widget between the first and the last of them for all its lines, and
    cuts each of these wherever any widget begins or ends.
    """

    def render_update(  # type: ignore[override]
        self,
        full: bool = False,
        screen_stack: list[Screen[Any]] | None = None,
        simplify: bool = False,
    ) -> RenderableType | Pieces | None:
        """Return what is sent; a screen all of which has changed needs no other way."""
        if full:
            return super().render_update(full, screen_stack, simplify)
        visible_screen_stack.set(screen_stack or [])
        return self.render_partial_update()

    def render_partial_update(self) -> Pieces | None:  # type: ignore[override]
        """Return what is in the regions that have changed; None: nothing has."""
        screen = self.size.region
        regions = [region.intersection(screen) for region in self._dirty_regions]
        self._dirty_regions.clear()
        wanted: _Spans = {}
        for y, start, end in self._regions_to_spans(regions):
            wanted.setdefault(y, []).append((start, end))
        return Pieces(self._pieces(wanted)) if wanted else None

    def render_strips(self, size: Size | None = None) -> list[Strip]:
        """Return the whole screen in lines, or what of it is within a size."""
        width, height = self.size if size is None else size
        lines: list[list[Strip]] = [[] for _ in range(height)]
        for y, _, strip in Pieces(self._pieces({y: [(0, width)] for y in range(height)})).pieces:
            lines[y].append(strip)
        return [Strip.join(line) for line in lines]

    def _pieces(self, wanted: _Spans) -> Iterable[Piece]:
        """Yield what is in these spans, of each cell what the frontmost widget has there."""
        for widget, (region, clip) in self.visible_widgets.items():
            if not wanted:
                return
            seen = region.intersection(clip)
            left, right = seen.column_span
            rows = [
                y
                for y in seen.line_range
                if any(start < right and end > left for start, end in wanted.get(y, ()))
            ]
            if not rows:
                continue
            crop = Region(left - region.x, rows[0] - region.y, seen.width, rows[-1] - rows[0] + 1)
            strips = widget.render_lines(crop)
            for y in rows:
                strip, behind = strips[y - rows[0]], []
                for start, end in wanted.pop(y):
                    first, last = max(start, left), min(end, right)
                    if first >= last:
                        behind.append((start, end))
                        continue
                    yield y, first, strip.crop(first - left, last - left)
                    behind += [span for span in ((start, first), (last, end)) if span[0] < span[1]]
                if behind:
                    wanted[y] = behind
