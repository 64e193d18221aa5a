"""Keys that arrive in one piece act one after another."""

from __future__ import annotations

import asyncio
import time

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from sagaz_tui.keys.in_order import KeysInOrder
from tests.screen.looking import press, until


class Layer(Screen[None]):
    """A screen that one key closes."""

    BINDINGS = [Binding("x", "leave", "leave")]  # noqa: RUF012 - Textual declares it so

    def action_leave(self) -> None:
        self.dismiss()


class OrderApp(KeysInOrder):
    """``e`` opens a line and ``enter`` leaves it; ``o`` opens a screen; ``+`` counts."""

    AUTO_FOCUS = None
    BINDINGS = [  # noqa: RUF012 - Textual declares it so
        Binding("e", "edit", "edit"),
        Binding("o", "open", "open"),
        Binding("plus", "count", "count"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0
        self.five = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Static("nothing")
        yield Input()

    def action_edit(self) -> None:
        self.screen.set_focus(self.query_one(Input))

    def action_open(self) -> None:
        self.push_screen(Layer())

    def action_count(self) -> None:
        self.counted += 1
        if self.counted == 5:
            self.five.set()

    def on_input_submitted(self) -> None:
        self.screen.set_focus(None)


class Busy(Widget, can_focus=True):
    """A widget that binds keys and handles none itself, and is held up for a while."""

    BINDINGS = [Binding("d", "double", "double")]  # noqa: RUF012 - Textual declares it so
    only_binds_keys = True

    class Hold(Message):
        """Be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.held = asyncio.Event()
        self.over = asyncio.Event()

    async def on_busy_hold(self) -> None:
        self.held.set()
        await self.over.wait()

    def action_double(self) -> None:
        app = self.app
        assert isinstance(app, OrderApp)
        app.counted *= 2


def typed(pilot: Pilot[None]) -> str:
    return pilot.app.screen_stack[0].query_one(Input).value


async def test_text_goes_to_the_line_that_the_key_before_it_opened() -> None:
    async with OrderApp().run_test() as pilot:
        press(pilot, "e", *"order+eight")
        await until(pilot, lambda: typed(pilot) == "order+eight", "the text")


class StandingStill(Screen[None]):
    """A screen whose machine stands still while the first key is on its way to it."""

    async def on_busy_hold(self) -> None:
        while not pressed(self.app):  # noqa: ASYNC110 - its turn comes before the timer's
            await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - so that all of it stands still
        for _ in range(10):
            await asyncio.sleep(0)


def pressed(app: App[object]) -> int:
    assert isinstance(app, OrderApp)
    return app.key_count


async def test_no_key_is_given_up_while_the_machine_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OrderApp, "get_default_screen", lambda app: StandingStill())
    async with OrderApp().run_test() as pilot:
        pilot.app.screen.post_message(Busy.Hold())
        press(pilot, "e", *"eight")
        await until(pilot, lambda: typed(pilot) == "eight", "the text")


async def test_a_key_whose_widget_goes_with_it_holds_up_no_other() -> None:
    app = OrderApp()
    async with app.run_test() as pilot:
        press(pilot, *"oxoxox+++")
        await until(pilot, lambda: app.counted == 3, "three times counted")
        assert len(app.screen_stack) == 1


async def test_many_keys_cost_little_each() -> None:
    app = OrderApp()
    async with app.run_test() as pilot:
        press(pilot, *"+" * 1000)
        await until(pilot, lambda: app.counted == 1000, "all counted")


async def test_a_pane_that_only_binds_keys_holds_up_none_of_them() -> None:
    app = OrderApp()
    async with app.run_test() as pilot:
        busy = Busy()
        await app.mount(busy)
        app.screen.set_focus(busy)
        busy.post_message(Busy.Hold())
        await busy.held.wait()
        press(pilot, "+", "+", "d", "+")
        try:
            # Not by the pilot, which waits for every widget.
            await asyncio.wait_for(app.five.wait(), 5)
        finally:
            busy.over.set()
