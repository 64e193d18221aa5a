"""Errors that differ only in numbers, ids and quoted text are one group."""

from __future__ import annotations

import re
from typing import Final

_MAX_LENGTH: Final = 200

_FOLDS: Final = (
    # What stands for a secret; not every fingerprint has a digit.
    (re.compile(r"‹secret \d+ch ·[0-9a-f]*›"), "‹secret›"),
    (re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`|‘[^’\n]*’|“[^”\n]*”"), "…"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "#"),
    # Words that hold a digit are ids of some kind: order_8841, rsv-77, 0x7f3a.
    (re.compile(r"\b(?=[\w-]*\d)\w[\w-]*"), "#"),
    (re.compile(r"\b[0-9a-fA-F]{8,}\b"), "#"),
    (re.compile(r"#(?:[.,:/+-]#)+"), "#"),
    (re.compile(r"\s+"), " "),
)


def group_error(type: str, message: str) -> str:
    """Return the name of the group an error belongs to: its type and the folded message."""
    first = message.strip().splitlines()[0] if message.strip() else ""
    # What is cut off cannot make a group, and folding a megabyte takes its time.
    folded = first[: 4 * _MAX_LENGTH]
    for pattern, replacement in _FOLDS:
        folded = pattern.sub(replacement, folded)
    folded = folded.strip()[:_MAX_LENGTH]
    return f"{type}: {folded}" if folded else type
