"""Looks at a screen as a person does: the text that is painted, once it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from textual.app import App
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from sagaz_tui.widgets.lines import Line, line_text

PATIENCE = 30.0


def painted(app: App[None]) -> str:
    """Everything on the screen, as lines of text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after another, as fast as a terminal would send them."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        pilot.app.post_message(Key(name, key if len(key) == 1 else None))


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str = "") -> None:
    """Let the app go on until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}\n{painted(pilot.app)}")
        await pilot.pause()
        await asyncio.sleep(0.005)


async def until_painted(pilot: Pilot[None], *texts: str) -> None:
    """Let the app go on until all of these texts are on the screen."""
    await until(pilot, lambda: all(text in painted(pilot.app) for text in texts), repr(texts))


def texts(lines: Sequence[Line]) -> list[str]:
    """Lines without colours and without what is blank at their end."""
    return [line_text(line).rstrip() for line in lines]
