"""Whether a row can be one that this program wrote: anybody who has a store can write to it."""

from __future__ import annotations

from typing import Final, TypeVar, get_args

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import Compensation, Kind, Status
from sagaz_core.storage.backends.rows import EntryRow, FamilyRow, SagaRow, TouchRow

_TEXT: Final = (str,)
_NUMBER: Final = (int,)
_BYTES: Final = (bytes,)
_NONE: Final = type(None)
_SAGA: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("saga_id", "root", "name", "status", "code", "compensation"), _TEXT),
    **dict.fromkeys(("started", "updated", "head", "keyframe"), _NUMBER),
    **dict.fromkeys(("parent", "step", "error", "error_group"), (str, _NONE)),
    **dict.fromkeys(("holder", "recovered_by"), (str, _NONE)),
    **dict.fromkeys(("parent_seq", "expires"), (int, _NONE)),
    **dict.fromkeys(("wrapped_key", "mac"), (bytes, _NONE)),
    "alive": (bool,),
}
_ENTRY: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("seq", "keyframe", "at"), _NUMBER),
    **dict.fromkeys(("kind", "snapshot_id"), _TEXT),
    **dict.fromkeys(("body", "mac"), (bytes, _NONE)),
    "step": (str, _NONE),
    "meta": _BYTES,
    "hidden": (bool,),
}
_STATUSES: Final = frozenset(get_args(Status))
_COMPENSATIONS: Final = frozenset(get_args(Compensation))
_KINDS: Final = frozenset(get_args(Kind))
_FIRST: Final = -62_135_596_800_000_000
_LAST: Final = 253_402_300_799_999_999
"""Microseconds from 1970 to the first and last time that a datetime can hold."""

_Row = TypeVar("_Row", SagaRow, EntryRow)

_seen: set[tuple[type, ...]] = set()
"""What the types of a whole row may be: there are few, and asking here costs next to nothing."""


def checked_saga(row: SagaRow) -> SagaRow:
    """Return a saga's row; raises CorruptEntryError if nobody of us can have written it."""
    _check_types(row, _SAGA, f"the row of saga {row.saga_id!r}")
    times = (row.started, row.updated, *(() if row.expires is None else (row.expires,)))
    if (
        row.status not in _STATUSES
        or row.compensation not in _COMPENSATIONS
        or not all(_FIRST <= each <= _LAST for each in times)
    ):
        raise CorruptEntryError(
            f"the row of saga {row.saga_id!r} holds what no sagaz writes; `sagaz doctor` tells "
            "what else is damaged"
        )
    return row


def checked_entry(row: EntryRow) -> EntryRow:
    """Return an entry; raises CorruptEntryError if nobody of us can have written it."""
    _check_types(row, _ENTRY, f"checkpoint {row.seq!r}")
    if row.kind not in _KINDS or not _FIRST <= row.at <= _LAST:
        raise CorruptEntryError(f"checkpoint {row.seq} holds what no sagaz writes")
    return row


def checked_touch(row: TouchRow) -> TouchRow:
    """Return a touch; raises CorruptEntryError if nobody of us can have written it."""
    if type(row.key) is not str or type(row.seq) is not int or type(row.step) not in (str, _NONE):
        raise CorruptEntryError(
            f"what changed at checkpoint {row.seq!r} holds what no sagaz writes; `sagaz doctor` "
            "tells what else is damaged"
        )
    return row


def checked_family(row: FamilyRow) -> FamilyRow:
    """Return a family's row; raises CorruptEntryError if nobody of us can have written it."""
    texts, numbers = (row.owner, row.holder), (row.fence, row.acquired)
    if (
        any(type(each) is not str for each in texts)
        or any(type(each) is not int for each in numbers)
        or type(row.recovered_by) not in (str, _NONE)
        or type(row.alive_until) not in (int, _NONE)
        or not _FIRST <= row.acquired <= _LAST
    ):
        raise CorruptEntryError(
            f"the row of the family {row.root!r} holds what no sagaz writes; `sagaz doctor` tells "
            "what else is damaged"
        )
    return row


def _check_types(row: _Row, allowed: dict[str, tuple[type, ...]], what: str) -> None:
    kinds = tuple(map(type, row))
    if kinds in _seen:
        return
    for name, value in zip(row._fields, tuple(row), strict=True):
        if type(value) not in allowed[name]:
            raise CorruptEntryError(
                f"{what} holds {type(value).__name__} as its {name}, which no sagaz writes; "
                "`sagaz doctor` tells what else is damaged"
            )
    _seen.add(kinds)
