"""The arguments of ``sagaz tui``, read without what reads all other commands.

Importing that takes a quarter of the time in which the screen opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_FLAGS: Final = {"--read-only": "read_only", "--ascii": "ascii_only"}
_OPTIONS: Final = {
    "--theme": "theme",
    "--storage": "storage",
    "--storage-url": "storage_url",
}


def screen_arguments(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return what a command line asks of the screen, as keywords of :func:`open_screen`.

    None: it asks for something else, or not so plainly that there could be no doubt.
    """
    if not arguments:
        return {}
    command, *others = arguments
    found: dict[str, Any] = {}
    rest = iter(others)
    for each in rest:
        name, joined, value = each.partition("=")
        if each in _FLAGS:
            found[_FLAGS[each]] = True
        elif name in _OPTIONS:
            text = value if joined else next(rest, "")
            if not text or text.startswith("-"):
                return None
            found[_OPTIONS[name]] = text
        elif not each or each.startswith("-") or "saga_id" in found:
            return None
        else:
            found["saga_id"] = each
    return found if command == "tui" else None
