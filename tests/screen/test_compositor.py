"""What has changed reaches the terminal in its place, and nothing else is looked at for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from rich.console import Console
from rich.segment import Segment
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.geometry import Region, Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.compositor import LineCompositor, Pieces
from sagaz_tui.showing.theme import THEMES
from tests.screen.looking import until

WIDTH, HEIGHT = 40, 12


class Letters(Widget):
    """Shows one letter everywhere, and notes which lines it is asked for."""

    def __init__(self, letter: str) -> None:
        super().__init__(id=letter)
        self.letter = letter
        self.asked: set[int] = set()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Note the lines and draw them."""
        self.asked.update(crop.line_range)
        return [Strip([Segment(self.letter * crop.width)], crop.width) for _ in crop.line_range]


class Stage(SagazScreen[None]):
    """Two halves, and something that lies over both."""

    DEFAULT_CSS = """
    Stage { layers: below above; layout: horizontal; }
    #a, #b { width: 1fr; height: 100%; layer: below; }
    #c { layer: above; offset: 15 4; width: 10; height: 3; }
    """

    def compose(self) -> ComposeResult:
        """Lay it out."""
        for letter in "abc":
            yield Letters(letter)


class Sheet(SagazScreen[None], ModalScreen[None]):
    """One can see what is below it."""

    DEFAULT_CSS = "Sheet { background: black 50%; }"


class StageApp(App[None]):
    """Nothing but the stage."""

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def get_default_screen(self) -> Stage:
        """Begin with it."""
        return Stage()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    app = StageApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Stage)
        for widget in app.screen.query(Letters):
            widget.asked.clear()
        yield app.screen


def update(stage: Stage, *regions: Region) -> Pieces:
    """What is sent once these regions of the screen have changed."""
    compositor = stage._compositor
    assert isinstance(compositor, LineCompositor)
    compositor._dirty_regions.update(regions)
    made = compositor.render_partial_update()
    assert made is not None
    return made


def drawn_by_textual(stage: Stage) -> list[str]:
    """The whole screen as Textual's own compositor draws it."""
    return [strip.text for strip in Compositor.render_strips(stage._compositor)]


def places(made: Pieces) -> list[tuple[int, int, str]]:
    return [(y, x, strip.text) for y, x, strip in made.pieces]


async def test_a_change_shows_what_lies_on_top(stage: Stage) -> None:
    whole = drawn_by_textual(stage)
    assert whole[4] == "a" * 15 + "c" * 10 + "b" * 15
    for region in (
        Region(0, 0, WIDTH, HEIGHT),
        Region(3, 2, 30, 7),
        Region(17, 5, 2, 1),
        Region(20, 0, 1, HEIGHT),
        Region(24, 6, 16, 2),
    ):
        made = update(stage, region)
        shown = {y: [" "] * WIDTH for y in region.line_range}
        for y, x, text in places(made):
            shown[y][x : x + len(text)] = text
        for y, cells in shown.items():
            first, last = region.column_span
            assert "".join(cells) == " " * first + whole[y][first:last] + " " * (WIDTH - last)


async def test_a_screen_of_which_all_has_changed_is_sent_whole(stage: Stage) -> None:
    compositor = stage._compositor
    compositor._dirty_regions.add(compositor.size.region)
    made = compositor.render_update()
    assert isinstance(made, Pieces)
    lines = {y: "".join(text for line, _, text in places(made) if line == y) for y in range(HEIGHT)}
    assert list(lines.values()) == drawn_by_textual(stage)
    assert [strip.text for strip in compositor.render_strips()] == drawn_by_textual(stage)
    part = compositor.render_strips(Size(20, 5))
    assert [strip.text for strip in part] == [text[:20] for text in drawn_by_textual(stage)[:5]]


async def test_only_lines_that_have_changed_are_asked_for(stage: Stage) -> None:
    made = update(stage, Region(2, 1, 5, 1), Region(4, 1, 5, 1), Region(30, 10, 40, 9))
    assert places(made) == [(1, 2, "a" * 7), (10, 30, "b" * 10), (11, 30, "b" * 10)]
    left, right, over = stage.query(Letters)
    assert (left.asked, right.asked, over.asked) == ({1}, {10, 11}, set())
    compositor = stage._compositor
    assert compositor.render_partial_update() is None


async def test_each_piece_is_sent_to_its_place_and_neighbours_together(stage: Stage) -> None:
    made = update(stage, Region(13, 4, 4, 1), Region(38, 6, 2, 1))
    assert made.render_segments(Console()) == "\x1b[5;14Haacc\x1b[7;39Hbb"


async def test_what_is_covered_is_not_painted_until_it_is_seen_again() -> None:
    app = StageApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        stage = app.screen
        left = stage.query(Letters).first()
        await app.push_screen(Sheet())
        assert stage.is_current
        await app.push_screen(Stage())
        assert not stage.is_current
        await pilot.pause()
        left.asked.clear()
        left.refresh()
        await pilot.pause()
        assert not left.asked
        await app.pop_screen()
        await app.pop_screen()
        await until(pilot, lambda: left.asked, "the screen that was covered")
        assert stage.is_current
