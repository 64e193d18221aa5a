"""What a saga's row holds for its secrets: its wrapped key, and how far its audit trail had come.

The row is the one thing of a saga that cannot go unnoticed. So it also tells how many events
there are at least, and the code of the last of these: a trail that is gone, or is an earlier one,
is found out.
"""

from __future__ import annotations

from typing import NamedTuple

import ormsgpack

from sagaz_core.errors import DecryptionError


class WrappedKey(NamedTuple):
    """What the row holds; what a batch's journal holds for its own key has no trail."""

    since: int
    """The checkpoint from which on the key is there."""
    by_provider: bytes
    """What the key provider made of the key."""
    events: int = 0
    """How many events the audit trail has at least."""
    events_code: bytes = b""
    """The code of that, by the key of the audit trails."""

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return ormsgpack.packb(list(self))

    @classmethod
    def from_bytes(cls, stored: bytes) -> WrappedKey:
        """Read the stored form; raises DecryptionError if it is damaged."""
        try:
            found = cls(*ormsgpack.unpackb(stored))
        except (ValueError, TypeError):
            found = None
        kinds = [] if found is None else [type(part) for part in found]
        if found is None or kinds != [int, bytes, int, bytes] or found.events < 0:
            raise DecryptionError("its wrapped key is damaged")
        return found
