"""What can be said of whether something is as it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The answer.

    ``verified``: all of it is as it was written, and nothing is missing. ``unverified``: there
    are no authentication codes, or their key is not at hand. ``tampered``: something is not as it
    was written.
    """

    status: Literal["verified", "unverified", "tampered"]
    reason: str
    """One sentence, which names the first place that is not as it was."""
    since: int | None = None
    """The first checkpoint that has a code; those before it are not verified."""
