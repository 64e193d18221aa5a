"""How the screen looks: colours by meaning, and glyphs with a word and an ASCII twin each."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from sagaz_tui.showing.colours import ANSI, LIGHT, PALETTES, Palette

PREFIX: Final = "sagaz-"
VEIL: Final = 0.25
"""How much of the ground lies over a screen that has a sheet on top; the terminal's own colours
cannot be mixed."""


def _theme(name: str, palette: Palette) -> Theme:
    colours = {token: _css(colour) for token, colour in palette._asdict().items()}
    raised = "ansi_bright_black" if palette is ANSI else palette.cursor
    return Theme(
        name=PREFIX + name,
        dark=palette is not LIGHT,
        ansi=palette is ANSI,
        primary=colours["live"],
        secondary=colours["muted"],
        accent=colours["live"],
        warning=colours["changed"],
        error=colours["fail"],
        success=colours["ok"],
        foreground=colours["text"],
        background=colours["bg"],
        surface=colours["bg"],
        panel=colours["cursor"],
        text_alpha=1.0,
        variables={
            **{f"s-{token}": colour for token, colour in colours.items()},
            "s-veil": "transparent" if palette is ANSI else f"{palette.bg} {VEIL:.0%}",
            "ansi-background": "ansi_default",
            "ansi-foreground": "ansi_default",
            "block-cursor-background": colours["cursor"],
            "block-cursor-foreground": colours["text"],
            "block-cursor-text-style": "none",
            "input-selection-background": raised,
            "scrollbar": raised,
            "scrollbar-hover": colours["muted"],
            "scrollbar-active": colours["live"],
            "scrollbar-background": colours["bg"],
            "scrollbar-background-hover": colours["bg"],
            "scrollbar-background-active": colours["bg"],
            "scrollbar-corner-color": colours["bg"],
        },
    )


def _css(colour: str) -> str:
    """Give a colour as a style sheet calls it."""
    return colour if colour.startswith("#") else f"ansi_{colour.split()[-1]}"


THEMES: Final = tuple(_theme(name, palette) for name, palette in PALETTES.items())


def palette_for(theme: Theme) -> Palette:
    """Give a theme's colours."""
    return PALETTES[theme.name.removeprefix(PREFIX)]


# ---------------------------------------------------------------- glyphs

GlyphName = Literal[
    "before_step",
    "after_step",
    "step_failed",
    "before_compensation",
    "after_compensation",
    "compensation_failed",
    "completed",
    "failed",
    "manual",
    "interrupted",
    "retries",
    "gap",
    "kept",
    "start",
    "cursor",
    "running",
    "row",
    "marked",
    "newer",
    "again",
    "doubt",
    "differs",
    "absent",
    "pinned",
    "mark",
    "parallel",
    "gone",
    "ghost",
]


@dataclass(frozen=True, slots=True)
class Glyph:
    """A sign, what it is called, and what stands for it where there is only ASCII."""

    sign: str
    ascii: str
    word: str


GLYPHS: Final[Mapping[GlyphName, Glyph]] = {
    "before_step": Glyph("○", "o", "before"),
    "after_step": Glyph("●", "*", "after"),
    "step_failed": Glyph("✗", "x", "failed"),
    "before_compensation": Glyph("◇", "<", "undo started"),
    "after_compensation": Glyph("◆", "c", "undone"),
    "compensation_failed": Glyph("✗", "X", "undo failed"),
    "completed": Glyph("✓", "+", "completed"),
    "failed": Glyph("■", "#", "failed"),
    "manual": Glyph("◉", "@", "manual"),
    "interrupted": Glyph("╳", "!", "interrupted"),
    "retries": Glyph("×", "x", "times"),
    "gap": Glyph("┄?┄", ".?.", "gap"),
    "kept": Glyph("⊘", "0", "restored in name only"),
    "start": Glyph("R", "R", "replay start"),
    "cursor": Glyph("▲", "^", "cursor"),
    "running": Glyph("▸", ">", "running"),
    "row": Glyph("▌", ">", "selected"),
    "marked": Glyph("•", "*", "marked"),
    "newer": Glyph("↑", "^", "newer"),
    "again": Glyph("↻", "r", "runs again"),
    "doubt": Glyph("?", "?", "in doubt"),
    "differs": Glyph("≠", "!", "differs"),
    "absent": Glyph("·", ".", "not reached"),
    "pinned": Glyph("★", "*", "pinned"),
    "mark": Glyph("M", "M", "mark"),
    "parallel": Glyph("═", "=", "at the same time"),
    "gone": Glyph("∅", "-", "gone"),
    "ghost": Glyph("◌", "o", "rehearsed, not run"),
}


def glyph(name: GlyphName) -> str:
    """Give a sign; where there is only ASCII, :class:`AsciiFilter` puts its twin there."""
    return GLYPHS[name].sign


def word(name: GlyphName) -> str:
    """Give the word that goes with a sign."""
    return GLYPHS[name].word


_SINGLE: Final = [each for each in GLYPHS.values() if len(each.sign) == 1]
_TWINS: Final = str.maketrans(
    {
        **{each.sign: each.ascii for each in reversed(_SINGLE)},
        "─": "-", "━": "-", "│": "|", "┃": "|", "┄": ".",
        "╭": "+", "╮": "+", "╯": "+", "╰": "`", "┌": "+", "┐": "+", "└": "+", "┘": "+",
        "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
        "▾": "v", "▸": ">", "·": ".", "…": "~", "→": ">", "←": "<", "↑": "^", "↓": "v",
        "‹": "<", "›": ">", "“": '"', "”": '"', "’": "'", "–": "-", "—": "-", "▎": "|",
        **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """Give text in ASCII alone: drawn signs by their twins, anything else as ``?``.

    As many characters come out as went in, so that columns hold.
    """
    if text.isascii():
        return text
    return text.translate(_TWINS).encode("ascii", "replace").decode("ascii")


class AsciiFilter(LineFilter):
    """Turns every line that is about to be painted into ASCII, as wide as it was."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Give the segments in ASCII."""
        return [_in_ascii(segment) for segment in segments]


def _in_ascii(segment: Segment) -> Segment:
    if segment.text.isascii():
        return segment
    width = segment.cell_length
    text = to_ascii(segment.text).ljust(width)[:width]
    return Segment(text, segment.style, segment.control)


def terminal_is_ascii(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal's locale cannot show more than ASCII, as far as it says."""
    said = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG")
    if said:
        return "utf" not in said.lower()
    return "utf" not in locale.getpreferredencoding(False).lower()
