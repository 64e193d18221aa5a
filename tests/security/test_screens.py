"""No screen passes on to the terminal, or takes as its own, what a store tells it to do.

Without it, a name that a customer chose could clear the screen, fill the clipboard, lie over other
lines, or be a link that quits the program, or that leads to somebody's server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.cells import cell_len
from textual.app import App
from textual.screen import Screen

from sagaz_tui.app import SagazApp
from sagaz_tui.cli.stores import open_existing
from sagaz_tui.settings import load_settings
from tests.screen.looking import painted, press, until, until_painted
from tests.security.hostile import hostile_file

KEYS: Final = (
    # the list, and what opens from it
    *("j", "k", "space", "E", "E", "escape", "s", "s", "s", "3"),
    *(("d", "PlanScreen"), ("escape", "SagasScreen")),
    *(("B", "BatchesScreen"), ("escape", "SagasScreen")),
    *(("?", "HelpScreen"), ("escape", "SagasScreen")),
    # the debugger, pane by pane
    ("enter", "DebuggerScreen"),
    *("h", "h", "l", "f", "F", "g", "G", "-", "=", "j", "j", "j", "enter", "enter", "w", "]"),
    *("3", "3", "3", "j", "v", "o", "enter", "2", "m", "h", "'", "v", "4", "j", "2"),
    *(("b", "BlameScreen"), "j", "k", ("escape", "DebuggerScreen")),
    *(("t", "LineageScreen"), "j", ("escape", "DebuggerScreen")),
    *(("d", "PlanScreen"), "j", ("escape", "DebuggerScreen")),
    *((":", "PaletteScreen"), ("escape", "DebuggerScreen")),
    *("e", "tab", "escape", "/", "escape", "y", "Y"),
)


def assert_harmless(app: App[None]) -> None:
    """See that only what prints is painted, each line in its place, and no link but our own."""
    for strip in app.screen._compositor.render_strips():
        line = "".join(segment.text for segment in strip)
        assert line.isprintable(), repr(line)
        assert cell_len(line) == app.size.width, repr(line)
        for segment in strip:
            if segment.style is not None:
                assert segment.style.link is None
                assert "@click" not in segment.style.meta


async def test_on_every_screen_it_is_only_text(tmp_path: Path) -> None:
    """Without it, a name could lie over other lines, quit the program, or link to a server."""
    path = await hostile_file(tmp_path / "sagaz.db")
    settings = load_settings(folder=tmp_path, environ={}, storage_url=str(path))
    app = SagazApp(open_existing(settings, read_only=True), settings, ascii=False)
    seen = ""
    visited: set[str] = set()
    async with app.run_test(size=(140, 36)) as pilot:
        await until_painted(pilot, "o1")
        for step in KEYS:
            key, screen = step if isinstance(step, tuple) else (step, "")
            press(pilot, key)
            if screen:
                await until(pilot, lambda name=screen: _is(app.screen, name), f"{key} {screen}")
            await pilot.pause()
            assert_harmless(app)
            visited.add(type(app.screen).__name__)
            seen += painted(app)
    assert visited >= {step[1] for step in KEYS if isinstance(step, tuple)}
    # It was there to be seen.
    for part in ("\\x1b]52;", "\\x1b[2J", "\\u202e", "\\x9b", "[@click=app.quit]"):
        assert part in seen


def _is(screen: Screen[object], name: str) -> bool:
    return type(screen).__name__ == name
