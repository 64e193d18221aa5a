"""Colours by meaning, and signs that hold without them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from sagaz_tui.theme import (
    DARK,
    GLYPHS,
    LIGHT,
    THEMES,
    AsciiFilter,
    Palette,
    glyph,
    palette_for,
    terminal_is_ascii,
    to_ascii,
)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 counts it."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in Color.parse(colour).normalized
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_every_colour_can_be_read_on_its_ground(palette: Palette) -> None:
    for token in Palette.__slots__:
        if token in ("bg", "cursor"):
            continue
        colour = getattr(palette, token)
        assert contrast(colour, palette.bg) >= 4.5, token
        if token not in ("muted", "future"):
            assert contrast(colour, palette.cursor) >= 4.5, token


def test_the_themes_carry_their_palettes() -> None:
    assert [palette_for(theme) for theme in THEMES] == [DARK, LIGHT]
    assert THEMES[0].variables["s-fail"] == "#ff7b72"


def test_every_sign_has_a_word_and_an_ascii_twin_as_wide() -> None:
    for name, each in GLYPHS.items():
        assert each.word
        assert each.ascii.isascii()
        assert cell_len(each.ascii) == cell_len(each.sign), name
        assert glyph(name) == each.sign


def test_ascii_keeps_columns_and_loses_nothing_silently() -> None:
    assert to_ascii("▌✗ a → b · ü") == ">x a > b . ?"
    (drawn,) = AsciiFilter().apply([Segment("▌✗ 漢字 ✓")], Color.parse("#000000"))
    assert drawn.text == ">x ?? +  "
    assert drawn.cell_length == cell_len("▌✗ 漢字 ✓")


@pytest.mark.parametrize(
    ("environ", "ascii"),
    [
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "en_GB.utf8"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, True),
    ],
)
def test_the_locale_says_what_the_terminal_can_show(environ: dict[str, str], ascii: bool) -> None:
    assert terminal_is_ascii(environ) is ascii
