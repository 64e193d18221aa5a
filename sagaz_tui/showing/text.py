"""Text that is safe to show: nothing recorded can move a cursor, hide or reorder what is read."""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TAB: Final = 4
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Fillers, variation selectors and the like, which Python takes for what prints."""


def is_seen(text: str) -> bool:
    """Whether every character of a text is seen as itself, in its place."""
    return text.isprintable() and (text.isascii() or _BLANK.search(text) is None)


def visible(text: str) -> str:
    """Return ``text`` on one line with everything that does not print written as an escape.

    Controls, escape sequences, bidirectional marks, zero-width and other unprintable
    characters become ``\\x1b``, ``\\u202e`` or ``\\n``. Printable text, the ideographic space
    included, comes back as it is. The result says what is there, not how to get it back: a
    backslash in ``text`` is not doubled.
    """
    if is_seen(text):
        return text
    return "".join(_escape(char) for char in text)


def visible_lines(text: str) -> list[str]:
    """Split ``text`` at its line ends and return each line as :func:`visible` would."""
    lines = text.replace("\r\n", "\n").split("\n")
    return [visible(line.expandtabs(_TAB)) for line in lines]


def _escape(char: str) -> str:
    if is_seen(char) or char == "\u3000":
        return char
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def short_age(seconds: float) -> str:
    """Return how long ago something was in one unit: ``12s``, ``2m``, ``5h``, ``3d``."""
    whole = max(int(seconds), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def short_duration(seconds: float) -> str:
    """Return a length of time to the millisecond: ``41ms``, ``1.204s``, ``3m 05s``, ``2h 07m``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{seconds:.3f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def short_size(size: int) -> str:
    """Return a number of bytes in one unit of thousands: ``312 B``, ``4.0 kB``, ``1.2 GB``."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"
