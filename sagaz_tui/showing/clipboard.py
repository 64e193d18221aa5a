"""What is copied, and whether the terminal can be asked to, which it is by OSC 52."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from sagaz_core.model import Masked
from sagaz_tui.showing.holding_secrets import holds_secret

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


def copied_words(value: Any, place: str) -> str:
    """Return what a copied value is, in words: what stands for a secret is not its value."""
    if isinstance(value, Masked):
        return f"the mask, not the value, {place}"
    return f"the value {place}" + ", its secrets masked" * holds_secret(value)
