"""Walks a screen key by key: each must show at once what was not to be seen before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from textual.app import App
from textual.pilot import Pilot

from tests.screen.looking import painted, press, until


class Look(NamedTuple):
    """Something to be seen on the screen, in words, and whether it is."""

    words: str
    sees: Callable[[App[None]], bool]


class Step(NamedTuple):
    """One key pressed: its row in the table of keys, its name there, and what it brings about.

    A step without an ``id`` only leads to where the next one can be shown, by a key or several.
    ``brings`` is a text that comes onto the screen, or another look at it.
    """

    id: str
    key: str | tuple[str, ...]
    brings: str | Look


def shown(text: str) -> Look:
    """On the screen."""
    return Look(f"{text!r} shown", lambda app: text in painted(app))


def gone(text: str) -> Look:
    """No longer on the screen."""
    return Look(f"{text!r} gone", lambda app: text not in painted(app))


def lit(text: str) -> Look:
    """Shown in bold, as the head of the pane that has the keys."""

    def sees(app: App[None]) -> bool:
        segments = chain.from_iterable(app.screen._compositor.render_strips())
        return any(text in part.text for part in segments if part.style and part.style.bold)

    return Look(f"{text!r} lit", sees)


def chosen(text: str) -> Look:
    """At the beginning of the row that the cursor is on, however many blanks between words."""
    words = r"\s+".join(map(re.escape, text.split()))
    row = re.compile(rf"▌\W*{words}(?!\w)")
    return Look(f"the cursor on {text!r}", lambda app: row.search(painted(app)) is not None)


def copied(text: str) -> Look:
    """Handed to the terminal's clipboard, and said to be."""
    return Look(f"{text!r} copied", lambda app: app.clipboard == text and "copied" in painted(app))


_TENS = (("ctrl+d", "ctrl+u"), ("pagedown", "pageup"))


def by_line(place: str, below: str | Look, above: str | Look) -> tuple[Step, ...]:
    """Each key that goes down a line, and the one that goes up again."""
    return _to_and_fro(
        place, below, above, (("down", "j", "up", "k"), ("down", "down", "up", "up"))
    )


def by_ten(place: str, below: str | Look, above: str | Look) -> tuple[Step, ...]:
    """Each key that goes down ten lines, and the one that goes up again."""
    keys = [("ten-down", each, "ten-up", back) for each, back in _TENS]
    return _to_and_fro(place, below, above, keys)


def _to_and_fro(
    place: str,
    there: str | Look,
    back: str | Look,
    keys: Iterable[tuple[str, str, str, str]],
) -> tuple[Step, ...]:
    return tuple(
        step
        for go, key, return_, other in keys
        for step in (Step(f"{place}.{go}", key, there), Step(f"{place}.{return_}", other, back))
    )


async def walk(pilot: Pilot[None], steps: Sequence[Step]) -> None:
    """Press one key after another and see what each brings about."""
    for id, key, brings in steps:
        words, sees = shown(brings) if isinstance(brings, str) else brings
        assert not sees(pilot.app), f"before {key} ({id}): {words}\n{painted(pilot.app)}"
        press(pilot, *([key] if isinstance(key, str) else key))
        await until(pilot, lambda sees=sees: sees(pilot.app), f"by {key} ({id}): {words}")
        # What was said is neither taken for an answer to the next key nor lies over it.
        pilot.app.clear_notifications()


EVERYWHERE = (
    Step("help", "?", "Keys and signs"),
    Step("back", "escape", gone("Keys and signs")),
    Step("help", "f1", "Keys and signs"),
    Step("back", "escape", gone("Keys and signs")),
    Step("palette", ":", "─ Palette ─"),
    Step("back", "escape", gone("─ Palette ─")),
    Step("palette", "ctrl+p", "─ Palette ─"),
    Step("back", "escape", gone("─ Palette ─")),
    Step("how-to-quit", "ctrl+c", "q quits"),
)
"""What works on each screen that is no question, but for leaving."""


async def leave(pilot: Pilot[None], key: str = "q") -> None:
    """Press a key that quits, and see the program end."""
    press(pilot, key)
    await until(pilot, lambda: pilot.app._exit, f"the end, by {key}")


LEAVES = (Step("quit", "q", "the end"), Step("quit-typing", "ctrl+q", "the end"))
"""What :func:`leave` presses."""
