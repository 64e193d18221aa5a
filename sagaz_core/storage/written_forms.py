"""How a value may be written in a text: as it is, quoted, escaped, or line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

_LINE: Final = 8
"""Characters of the shortest line that is looked for without the others of its text."""


def written_forms(value: Any) -> set[str]:
    """Return the texts in which a single value may stand in a message."""
    try:
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except ValueError:
        # Python writes no integer of more than some thousand digits, so no message has it.
        return set()
    # A single character is in everything.
    return set(_forms(value, text)) if len(text) > 1 else set()


def _forms(value: Any, text: str) -> Iterator[str]:
    yield text
    yield repr(value)
    if isinstance(value, bytes):
        yield repr(value)[2:-1]
        yield value.hex()
    elif hasattr(value, "isoformat"):
        yield value.isoformat()
    for escaped in (
        repr(text),
        ascii(text),
        json.dumps(text),
        json.dumps(text, ensure_ascii=False),
    ):
        yield escaped[1:-1]
    # Groups of exceptions indent each line of a message.
    yield from (line for line in text.splitlines() if len(line) >= _LINE)
