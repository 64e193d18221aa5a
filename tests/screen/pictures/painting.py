"""A screen as text: what is painted, and the colour of each cell as a letter.

A picture has three parts: the text; the same cells as letters, capitals where it is bold; and
where the ground is another than the screen's. Colours go by what they mean, so that every theme
gives the same picture. One in SVG would show the same, but no diff of it could be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.color import Color

from sagaz_tui.app import SagazApp
from sagaz_tui.showing.colours import Palette
from sagaz_tui.showing.theme import VEIL, palette_for

LETTERS: Final[Mapping[str, str]] = {
    "text": "t",
    "muted": "m",
    "future": "f",
    "fail": "x",
    "ok": "o",
    "added": "o",
    "removed": "r",
    "changed": "c",
    "undo": "u",
    "live": "l",
    "ghost": "g",
    "secret": "s",
}
"""Of each colour that text has; ``ok`` and ``added`` look alike."""
PAIRS: Final = tuple(
    (token, ground)
    for ground in ("bg", "cursor")
    for token in LETTERS
    if ground == "bg" or token not in ("muted", "future")
)
"""Which text stands on which ground; nothing else may be painted."""
STRAY: Final = "of no theme:"
"""What a picture says where something is painted in colours that no text has."""
_BAR: Final = "|"
_LEGEND: Final = ", ".join(f"{letter} {token}" for token, letter in LETTERS.items())


class _Cell(NamedTuple):
    text: str
    letters: str
    ground: str


_Colours = tuple[str, str, bool, bool]
"""A text's colour, its ground's, whether it is dimmed, and whether the two are swapped."""
_Look = tuple[str, str]
"""What they mean: a letter, and the name of the ground."""


def picture_of(app: SagazApp) -> str:
    """Return what is on the screen now as a picture; without colours, where there are none."""
    # What lies behind a sheet is drawn for whoever names the screens that there are.
    visible_screen_stack.set(app._background_screens)
    strips = app.screen._compositor.render_strips()
    if app.no_color:
        return "\n".join("".join(each.text for each in strip).rstrip() for strip in strips) + "\n"
    looks = _looks(palette_for(app.current_theme))
    rows = [[cell for segment in strip for cell in _cells(segment, looks)] for strip in strips]
    lines = [
        *("".join(cell.text for cell in row).rstrip() for row in rows),
        "",
        f"{app.size.width}x{app.size.height}: {_LEGEND}, {_BAR} scrollbar",
        *("".join(cell.letters for cell in row).rstrip() for row in rows),
        "",
        *_grounds(rows),
    ]
    return "\n".join(lines) + "\n"


def _cells(segment: Segment, looks: Mapping[_Colours, _Look]) -> Iterator[_Cell]:
    style = segment.style or Style()
    colours = _colours(style)
    look = looks.get(colours)
    if look is None and segment.text.isspace():
        look = next((look for key, look in looks.items() if key[1:] == colours[1:]), None)
    letter, ground = look or ("?", f"{STRAY} {' '.join(map(str, colours))}")
    for text in segment.text:
        seen = " " if text == " " and letter != _BAR else letter
        yield _Cell(text, (seen.upper() if style.bold else seen) * cell_len(text), ground)


def _colours(style: Style) -> _Colours:
    return _name(style.color), _name(style.bgcolor), bool(style.dim), bool(style.reverse)


def _name(colour: RichColor | None) -> str:
    if colour is None:
        return ""
    return str(colour.number) if colour.type is ColorType.STANDARD else colour.name


@cache
def _looks(palette: Palette) -> dict[_Colours, _Look]:
    """What colours mean in a theme, also where a sheet lies over them."""
    looks: dict[_Colours, _Look] = {}

    def add(text: str, ground: str, letter: str, name: str) -> None:
        looks.setdefault(_colours(Style.parse(f"{text} on {ground}")), (letter, name))
        veiled = f"{_veiled(text, palette)} on {_veiled(ground, palette)}"
        looks.setdefault(_colours(Style.parse(veiled)), (letter, f"veiled {name}".rstrip()))

    own = palette.cursor == palette.bg
    for token, ground in PAIRS:
        text, name = getattr(palette, token), "" if ground == "bg" else ground
        reverse = "reverse " if own and name else ""
        add(f"{reverse}{text}", getattr(palette, ground), LETTERS[token], name)
    swapped = "reverse default" if own else palette.bg
    looks.setdefault(
        _colours(Style.parse(f"{swapped} on {palette.text}")), (LETTERS["text"], "swapped")
    )
    bar = "bright_black" if own else palette.cursor
    # Of the bar's two ends one is drawn with the colours swapped.
    add(f"reverse {bar}", palette.bg, _BAR, "")
    add(bar, palette.bg, _BAR, "")
    return looks


def _veiled(colour: str, palette: Palette) -> str:
    *how, name = colour.split()
    if name.startswith("#"):
        name = Color.parse(name).blend(Color.parse(palette.bg), VEIL).hex.lower()
    return " ".join([*how, name])


def _grounds(rows: Sequence[Sequence[_Cell]]) -> Iterator[str]:
    """Tell where the ground is not the screen's: lines, and columns from 1."""
    for number, row in enumerate(rows, 1):
        column, told = 1, []
        for ground, cells in groupby(row, key=lambda cell: cell.ground):
            width = sum(cell_len(cell.text) for cell in cells)
            if ground:
                told.append(f"{ground} {column}-{column + width - 1}")
            column += width
        if told:
            yield f"line {number}: {', '.join(told)}"
