"""Colours by meaning, and signs that hold without them."""

from __future__ import annotations

from typing import get_args

import pytest
from rich.cells import cell_len
from rich.color import ColorType
from rich.segment import Segment
from textual.color import Color

from sagaz_tui.settings import CHOICES
from sagaz_tui.showing.colours import PALETTES
from sagaz_tui.showing.theme import (
    GLYPHS,
    THEMES,
    VEIL,
    AsciiFilter,
    glyph,
    palette_for,
    terminal_is_ascii,
    to_ascii,
)
from sagaz_tui.widgets.lines import Span, Token, paint
from tests.screen.pictures.painting import PAIRS


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


READABLE = [name for name in PALETTES if name != "ansi"]


@pytest.mark.parametrize("name", READABLE)
def test_all_text_that_is_painted_can_be_read_on_its_ground(name: str) -> None:
    # The pictures of the screen have no other pairs.
    for text, ground in PAIRS:
        colours = [getattr(PALETTES[name], each) for each in (text, ground)]
        assert contrast(*colours) >= (7.0 if name == "contrast" else 4.5), (text, ground)


@pytest.mark.parametrize("name", READABLE)
def test_what_lies_behind_a_sheet_can_still_be_made_out(name: str) -> None:
    ground = Color.parse(PALETTES[name].bg)
    for pair in PAIRS:
        text, under = (Color.parse(getattr(PALETTES[name], each)) for each in pair)
        veiled = [colour.blend(ground, VEIL).hex for colour in (text, under)]
        assert contrast(*veiled) >= 3.0, pair


@pytest.mark.parametrize("name", READABLE)
def test_on_the_cursor_row_quiet_text_is_as_bright_as_the_rest(name: str) -> None:
    line = tuple(Span(token, token) for token in get_args(Token))
    palette = PALETTES[name]
    for text, style, _ in paint(line, 200, palette, selected=True):
        assert style is not None
        assert style.color is not None
        assert style.bgcolor is not None
        assert style.bgcolor.name == palette.cursor
        quiet = text in ("muted", "future") or not text.strip()
        assert style.color.name == getattr(palette, "text" if quiet else text)


def test_in_the_terminals_own_colours_the_cursor_row_is_reversed() -> None:
    line = (Span("failed", "fail"), Span("later", "future"))
    for selected in (False, True):
        for _, style, _ in paint(line, 20, PALETTES["ansi"], selected=selected):
            assert style is not None
            assert style.color is not None
            assert style.bgcolor is not None
            assert style.color.type in (ColorType.DEFAULT, ColorType.STANDARD)
            assert style.bgcolor.is_default
            assert bool(style.reverse) is selected


def test_the_themes_carry_their_palettes() -> None:
    assert [palette_for(theme) for theme in THEMES] == list(PALETTES.values())
    assert THEMES[0].variables["s-fail"] == "#ff7b72"
    assert [theme.name.removeprefix("sagaz-") for theme in THEMES] == list(CHOICES["theme"])


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
