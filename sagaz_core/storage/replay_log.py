"""A line of the replay log as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import MISSING
from sagaz_core.storage.codec import pack_with_markers, unpack, valid_text
from sagaz_core.storage.times import from_micros, to_micros

if TYPE_CHECKING:
    from sagaz_core.model import ReplayLogEntry

REPLAY_LOG: Final = "replay"
"""The kind of the documents."""

_FORM: Final = 1


def pack_replay_log(entry: ReplayLogEntry) -> bytes:
    """Return a line of the replay log as bytes; values without a stored form become markers."""
    finished = entry.finished_at
    fields = [
        entry.replay_id,
        entry.original_saga_id,
        entry.from_step,
        entry.snapshot_id,
        entry.sequence,
        [
            [change.path, _optional(change.before), _optional(change.after)]
            for change in entry.override
        ],
        entry.initiated_by,
        entry.reason and valid_text(entry.reason),
        to_micros(entry.started_at),
        None if finished is None else to_micros(finished),
        entry.outcome,
        entry.error_message and valid_text(entry.error_message),
        dict(entry.plan),
        entry.request_id,
    ]
    return bytes((_FORM,)) + pack_with_markers(fields)[0]


def unpack_replay_log(body: bytes) -> ReplayLogEntry:
    """Return a line of the replay log; raises :class:`CorruptEntryError` if it is damaged."""
    try:
        if body[0] != _FORM:
            raise ValueError(f"it has the form {body[0]} of a newer sagaz; upgrade to read it")
        return _replay_log_in(unpack(body[1:]))
    except (ValueError, TypeError, IndexError, LookupError) as error:
        raise CorruptEntryError(f"a line of the replay log cannot be decoded: {error}") from error


def _replay_log_in(fields: Sequence[Any]) -> ReplayLogEntry:
    from sagaz_core.model import PlannedOverride, ReplayLogEntry

    return ReplayLogEntry(
        replay_id=fields[0],
        original_saga_id=fields[1],
        from_step=fields[2],
        snapshot_id=fields[3],
        sequence=fields[4],
        override=tuple(
            PlannedOverride(path=path, before=_required(before), after=_required(after))
            for path, before, after in fields[5]
        ),
        initiated_by=fields[6],
        reason=fields[7],
        started_at=from_micros(fields[8]),
        finished_at=None if fields[9] is None else from_micros(fields[9]),
        outcome=fields[10],
        error_message=fields[11],
        plan=fields[12],
        request_id=fields[13] if len(fields) > 13 else None,
    )


def _optional(value: Any) -> list[Any]:
    """MISSING stands for a value that was not there, and has no stored form of its own."""
    return [] if value is MISSING else [value]


def _required(values: Sequence[Any]) -> Any:
    return values[0] if values else MISSING
