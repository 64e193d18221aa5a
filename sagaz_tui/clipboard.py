"""Whether the terminal can be asked to copy a text, which it is by OSC 52."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

AT_MOST: Final = 74_994
"""Bytes: what makes 100,000 characters of the sequence, more than which terminals drop."""


def copy_obstacle(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return why a text cannot be copied, as far as is known; empty: it can.

    A terminal never answers whether it has copied.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > AT_MOST:
        return f"{size:,} bytes are more than a terminal copies"
    if environ.get("TERM") == "linux":
        return "the Linux console cannot copy"
    if environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return "Apple's Terminal cannot copy"
    if environ.get("VTE_VERSION") and not environ.get("TMUX"):
        return "this terminal (VTE) cannot copy"
    return ""
