"""How the screen looks: colours by meaning, and glyphs with a word and an ASCII twin each."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they mean, as ``#rrggbb``. ``fail`` is failure's and nothing else's."""

    bg: str
    cursor: str
    text: str
    muted: str
    future: str
    fail: str
    ok: str
    added: str
    removed: str
    changed: str
    undo: str
    live: str
    ghost: str
    secret: str


DARK: Final = Palette(
    bg="#12151b",
    cursor="#263349",
    text="#d7dce5",
    muted="#8b95a7",
    future="#7d879a",
    fail="#ff7b72",
    ok="#7fd08a",
    added="#7fd08a",
    removed="#f2868b",
    changed="#e6c069",
    undo="#c39bf5",
    live="#5fb7ff",
    ghost="#7fc8c8",
    secret="#c9a26d",
)
LIGHT: Final = Palette(
    bg="#fbfbfa",
    cursor="#d7e5fb",
    text="#1c2330",
    muted="#5a6475",
    future="#646e7f",
    fail="#b3171c",
    ok="#17692b",
    added="#17692b",
    removed="#a8201f",
    changed="#7a5200",
    undo="#6a35b8",
    live="#0a5cad",
    ghost="#0f6464",
    secret="#76501a",
)


def _theme(name: str, palette: Palette, *, dark: bool) -> Theme:
    tokens = {f"s-{token}": colour for token, colour in asdict(palette).items()}
    return Theme(
        name=name,
        dark=dark,
        primary=palette.live,
        secondary=palette.muted,
        accent=palette.live,
        warning=palette.changed,
        error=palette.fail,
        success=palette.ok,
        foreground=palette.text,
        background=palette.bg,
        surface=palette.bg,
        panel=palette.cursor,
        text_alpha=1.0,
        variables={
            **tokens,
            "block-cursor-background": palette.cursor,
            "block-cursor-foreground": palette.text,
            "block-cursor-text-style": "none",
            "input-selection-background": palette.cursor,
            "scrollbar": palette.cursor,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.live,
            "scrollbar-background": palette.bg,
            "scrollbar-background-hover": palette.bg,
            "scrollbar-background-active": palette.bg,
            "scrollbar-corner-color": palette.bg,
        },
    )


THEMES: Final = (
    _theme("sagaz-dark", DARK, dark=True),
    _theme("sagaz-light", LIGHT, dark=False),
)


def palette_for(theme: Theme) -> Palette:
    """Give the colours that go with a theme's background."""
    return DARK if theme.dark else LIGHT


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
