"""A saga whose every name and value tries to act on the terminal, or is far too much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sagaz_core.model import SagaSnapshot, StepError
from tests.screen.recorded import order_snapshots

EVIL: Final = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;ZXZpbA==\x07[red]x[/red]\u202eabc\x9b31m"
"""Clears the screen, names the window, fills the clipboard, is markup, runs backwards."""


def hostile_snapshots(saga_id: str, *, chars: int, keys: int) -> list[SagaSnapshot]:
    """An order that failed, with strings of so many characters and a dictionary of so many keys."""
    bottom: Any = "bottom"
    for level in range(200):
        bottom = {"k": bottom} if level % 2 else [bottom]
    context: dict[str, Any] = {
        EVIL: EVIL,
        "a_huge": EVIL * (chars // len(EVIL)),
        "a_wide": "漢字🇩🇪👩‍👩‍👧" * 1_000,
        "a_rtl": "שלום عالم",
        "a_deep": bottom,
        "a_lines": "one\n" * (chars // 100),
        "a_many": {f"key_{number}": number for number in range(keys)},
    }
    return [
        replace(
            snapshot,
            saga_name=f"Evil{EVIL}",
            step_name=f"{snapshot.step_name}{EVIL}" if snapshot.step_name else None,
            error=StepError(f"Bad{EVIL}", EVIL, EVIL) if snapshot.error else None,
            context={**snapshot.context, "a_huge": snapshot.context["a_huge"] + str(number)},
        )
        for number, snapshot in enumerate(order_snapshots(saga_id, **context))
    ]
