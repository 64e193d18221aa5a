"""What the ids of replays begin with, by which their family can be told."""

from __future__ import annotations

import hashlib
from typing import Final

LONGEST_ROOT: Final = 240
"""Longer ids of root sagas are cut, with a hash, so that a replay's id stays within 256."""


def stem(root_id: str) -> str:
    """Return what the ids of a family's replays begin with, before ``~r1``."""
    if len(root_id) <= LONGEST_ROOT:
        return root_id
    mark = hashlib.blake2b(root_id.encode(), digest_size=6).hexdigest()
    return f"{root_id[: LONGEST_ROOT - len(mark) - 1]}~{mark}"
