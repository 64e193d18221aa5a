"""What stands in a stored state for a secret: its encrypted bytes, and what may be shown of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import ormsgpack

SIGN: Final = b"\xc1sealed\xc1"
"""Begins every one, so that bytes can be searched for it. 0xC1 begins nothing in MessagePack."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value as it is stored."""

    sequence: int
    """The checkpoint at which it was set, which it is bound to."""
    length: int
    """Characters of the value as text."""
    fingerprint: bytes
    """16 bytes by which equal values of one store know each other; keyed."""
    encrypted: bytes

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return SIGN + ormsgpack.packb(
            [self.sequence, self.length, self.fingerprint, self.encrypted]
        )

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Read the stored form; raises ValueError or TypeError if it is damaged."""
        if not stored.startswith(SIGN):
            raise ValueError("an encrypted value does not begin as one")
        sequence, length, fingerprint, encrypted = ormsgpack.unpackb(stored[len(SIGN) :])
        for number in (sequence, length):
            if type(number) is not int:
                raise TypeError("an encrypted value is damaged")
        for part in (fingerprint, encrypted):
            if type(part) is not bytes:
                raise TypeError("an encrypted value is damaged")
        return cls(sequence, length, fingerprint, encrypted)
