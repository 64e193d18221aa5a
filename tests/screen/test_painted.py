"""A key costs the lines that it changes: all others stay as they were painted."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.strip import Strip

from sagaz_tui.showing.theme import THEMES
from sagaz_tui.widgets.lines import Line, Span, TextPane

LINES: list[Line] = [(Span(f"line {number}"),) for number in range(100)]


class Counting(TextPane):
    """A pane that notes which lines it paints."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        """Note the line and paint it."""
        self.painted.append(y)
        return super().render_line(y)


class OnePane(App[None]):
    """Nothing but the pane."""

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Counting()


async def test_lines_that_stay_are_not_painted_again() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(Counting)
        pane.set_lines(LINES, from_top=True)
        await pilot.pause()
        pane.painted.clear()
        changed = list(LINES)
        changed[3] = (Span("another"),)
        changed[50] = (Span("out of sight"),)
        pane.set_lines(changed, from_top=False)
        await pilot.pause()
        assert pane.painted == [3]
        assert "another" in pane.render_lines(pane.size.region)[3].text


async def test_another_theme_or_width_or_scroll_paints_all_in_sight() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(Counting)
        pane.set_lines(LINES, from_top=True)
        await pilot.pause()
        pane.painted.clear()
        app.theme = THEMES[1].name
        await pilot.pause()
        assert set(pane.painted) == set(range(10))
        pane.painted.clear()
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert set(pane.painted) == set(range(10))
        pane.painted.clear()
        pane.action_move(5)
        await pilot.pause()
        assert set(pane.painted) == set(range(10))
        assert "line 5" in pane.render_lines(pane.size.region)[0].text


async def test_a_line_repainted_in_other_colours_is_sent_in_them() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(Counting)
        pane.set_lines(LINES, from_top=True)
        await pilot.pause()
        before = pane.render_lines(pane.size.region)[0]
        app.theme = THEMES[1].name
        await pilot.pause()
        assert pane.render_lines(pane.size.region)[0] != before
