"""The kinds of checkpoints by the numbers that an SQLite store keeps for them."""

from __future__ import annotations

from typing import Final, get_args

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import Kind

# The numbers are stored: kinds may be added at the end, and their order never changes.
_KINDS: Final[dict[int, Kind]] = dict(enumerate(get_args(Kind)))
_CODES: Final = {kind: code for code, kind in _KINDS.items()}


def code_of(kind: Kind) -> int:
    """Return the number of a kind."""
    return _CODES[kind]


def kind_of(stored: object, seq: object) -> Kind:
    """Return the kind that a number stands for; raises CorruptEntryError if it is none."""
    kind = _KINDS.get(stored) if type(stored) is int else None
    if kind is None:
        raise CorruptEntryError(f"checkpoint {seq!r} is of no kind that there is")
    return kind
