"""What stands for a secret wherever one is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sagaz_core.errors import DecryptionError

_SHOWN: Final = 4


class Masked:
    """A secret value: its length and a fingerprint, and the value only for who asks for it.

    Two are equal if their values are; the fingerprint is keyed, so that it tells nothing else.

    Args:
        length: characters of the value as text.
        fingerprint: what equal values of one store have in common, 16 bytes; empty: not known.
        reveal: returns the value; None: it is not kept here.
    """

    __slots__ = ("_reveal", "fingerprint", "length")

    def __init__(
        self, length: int, fingerprint: bytes, reveal: Callable[[], Any] | None = None
    ) -> None:
        self.length = length
        self.fingerprint = fingerprint
        self._reveal = reveal

    def reveal(self) -> Any:
        """Return the value; raises DecryptionError if its key is not at hand, or it was altered."""
        if self._reveal is None:
            raise DecryptionError(
                "this secret was masked when it was exported; its value is not here"
            )
        return self._reveal()

    def __str__(self) -> str:
        known = f" ·{self.fingerprint.hex()[:_SHOWN]}" if self.fingerprint else ""
        return f"‹secret {self.length}ch{known}›"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Masked) and (self.length, self.fingerprint) == (
            other.length,
            other.fingerprint,
        )

    def __hash__(self) -> int:
        return hash((self.length, self.fingerprint))

    def __copy__(self) -> Masked:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Masked:
        return self

    def __reduce__(self) -> tuple[type[Masked], tuple[int, bytes]]:
        # Whatever a pickle goes to, the value does not go with it.
        return Masked, (self.length, self.fingerprint)
