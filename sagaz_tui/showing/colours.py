"""The colours of each theme, by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Palette(NamedTuple):
    """Colours by what they mean. ``fail`` is failure's and nothing else's.

    As ``#rrggbb``; of :data:`ANSI` the terminal's own by their names, perhaps ``dim``. Where
    the cursor row has no ground of its own it is shown in reverse.
    """

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
CONTRAST: Final = Palette(
    bg="#000000",
    cursor="#00234f",
    text="#ffffff",
    muted="#d0d0d0",
    future="#b8b8b8",
    fail="#ff9a94",
    ok="#7dff8e",
    added="#7dff8e",
    removed="#ffa3a8",
    changed="#ffe066",
    undo="#dcbfff",
    live="#8fd0ff",
    ghost="#7ff0f0",
    secret="#ffc878",
)
ANSI: Final = Palette(
    bg="default",
    cursor="default",
    text="default",
    muted="default",
    future="dim default",
    fail="red",
    ok="green",
    added="green",
    removed="red",
    changed="yellow",
    undo="magenta",
    live="bright_blue",
    ghost="cyan",
    secret="yellow",
)
PALETTES: Final[Mapping[str, Palette]] = {
    "dark": DARK,
    "light": LIGHT,
    "contrast": CONTRAST,
    "ansi": ANSI,
}
"""By the name that the settings call a theme by."""
