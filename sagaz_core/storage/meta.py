"""What is known of a checkpoint without its context, as bytes: a line of the timeline.

Kept apart from the body, so that a list of checkpoints reads no context, and a body that
cannot be decoded hides nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

import ormsgpack

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import (
    Attempt,
    CheckpointSummary,
    Compensation,
    RunInfo,
    Status,
    StepError,
    StepInfo,
    StepOutcome,
    StepRecord,
)
from sagaz_core.storage.backends.rows import EntryRow
from sagaz_core.storage.codec import pack, pack_with_markers, unpack, valid_text
from sagaz_core.storage.difference import compress, decompress
from sagaz_core.storage.times import from_micros, to_micros

if TYPE_CHECKING:
    from sagaz_core.storage.capture import Capture

_FORM: Final = 1
_STATUSES: Final[tuple[Status, ...]] = get_args(Status)
_COMPENSATIONS: Final[tuple[Compensation, ...]] = get_args(Compensation)
_OUTCOMES: Final[tuple[StepOutcome, ...]] = get_args(StepOutcome)
_STATUS_CODES: Final = {status: code for code, status in enumerate(_STATUSES)}
_COMPENSATION_CODES: Final = {how: code for code, how in enumerate(_COMPENSATIONS)}
_OUTCOME_CODES: Final = {outcome: code for code, outcome in enumerate(_OUTCOMES)}


class Meta(NamedTuple):
    """The fields of a checkpoint that are neither columns nor part of its state."""

    status: Status
    step_index: int | None
    attempts: int
    error: StepError | None
    label: str | None
    running_steps: tuple[str, ...]
    step_records: tuple[StepRecord, ...]
    gap: int
    compensation: Compensation
    retention_until: datetime | None
    saga_name: str | None
    """Where it differs from the name in the saga's row."""


def pack_meta(capture: Capture, *, row_name: str, run: RunInfo | None) -> bytes:
    """Return a checkpoint's meta, with the run's description if this entry carries it."""
    fields: list[Any] = [
        _STATUS_CODES[capture.status],
        capture.step_index,
        capture.attempts or None,
        _error_out(capture.error),
        capture.label,
        list(capture.running_steps) or None,
        [_record_out(record) for record in capture.step_records] or None,
        capture.gap or None,
        _COMPENSATION_CODES[capture.compensation] or None,
        capture.retention_until,
        None if capture.saga_name == row_name else capture.saga_name,
        None if run is None else compress(pack(_run_out(run))),
    ]
    while fields[-1] is None:
        fields.pop()
    try:
        # Nothing but plain values as a rule, which need none of the codec's care.
        packed = ormsgpack.packb(fields)
    except ormsgpack.MsgpackEncodeError:
        packed, _ = pack_with_markers(fields)
    return bytes((_FORM,)) + compress(packed)


def unpack_meta(meta: bytes) -> Meta:
    """Return the fields; raises :class:`CorruptEntryError` if they are damaged."""
    try:
        fields = _fields(meta)
        expires = fields[9]
        return Meta(
            status=_STATUSES[fields[0]],
            step_index=fields[1],
            attempts=fields[2] or 0,
            error=_error_in(fields[3]),
            label=fields[4],
            running_steps=tuple(fields[5] or ()),
            step_records=tuple(_record_in(record) for record in fields[6] or ()),
            gap=fields[7] or 0,
            compensation=_COMPENSATIONS[fields[8] or 0],
            retention_until=None if expires is None else from_micros(expires),
            saga_name=fields[10],
        )
    except (ValueError, TypeError, IndexError, LookupError) as error:
        raise CorruptEntryError(f"its description cannot be decoded: {error}") from error


def meta_of(saga_id: str, entry: EntryRow) -> Meta:
    """Return the fields of a saga's entry; raises CorruptEntryError, which names it."""
    try:
        return unpack_meta(entry.meta)
    except CorruptEntryError as error:
        raise CorruptEntryError(f"checkpoint {entry.seq} of {saga_id!r}: {error}") from error


def unpack_run(meta: bytes) -> RunInfo | None:
    """Return the run's description, if this entry carries it."""
    try:
        packed = _fields(meta)[11]
        return None if packed is None else _run_in(unpack(decompress(packed)))
    except (ValueError, TypeError, IndexError, LookupError) as error:
        raise CorruptEntryError(f"its run's description cannot be decoded: {error}") from error


def summarize(saga_id: str, entry: EntryRow) -> CheckpointSummary:
    """Return an entry as a line of the timeline; raises CorruptEntryError."""
    meta = meta_of(saga_id, entry)
    return CheckpointSummary(
        saga_id=saga_id,
        sequence=entry.seq,
        snapshot_id=entry.snapshot_id,
        kind=entry.kind,
        status=meta.status,
        step_name=entry.step,
        step_index=meta.step_index,
        created_at=from_micros(entry.at),
        attempts=meta.attempts,
        error=meta.error,
        label=meta.label,
        running_steps=meta.running_steps,
        step_records=meta.step_records,
        gap=meta.gap,
    )


def _check_form(stored: bytes) -> None:
    if stored[0] != _FORM:
        raise ValueError(f"it has the form {stored[0]} of a newer sagaz; upgrade to read it")


def _fields(meta: bytes) -> list[Any]:
    _check_form(meta)
    fields: list[Any] = unpack(decompress(meta[1:]))
    return fields + [None] * (12 - len(fields))


def _error_out(error: StepError | None) -> list[str] | None:
    if error is None:
        return None
    # A file's name in a message may hold what is no valid text.
    return [valid_text(part) for part in (error.type, error.message, error.traceback)]


def _error_in(fields: Sequence[str] | None) -> StepError | None:
    return None if fields is None else StepError(*map(str, fields))


def _record_out(record: StepRecord) -> list[Any]:
    return [
        record.name,
        _OUTCOME_CODES[record.outcome],
        [
            [attempt.number, to_micros(attempt.started_at), attempt.duration]
            + ([] if attempt.error is None else [_error_out(attempt.error)])
            for attempt in record.attempts
        ],
        list(record.keys_read),
        list(record.keys_set),
        list(record.conflicts),
    ]


def _record_in(fields: Sequence[Any]) -> StepRecord:
    name, outcome, attempts, *keys = fields
    return StepRecord(
        name,
        _OUTCOMES[outcome],
        tuple(
            Attempt(number, from_micros(started), duration, _error_in(error[0] if error else None))
            for number, started, duration, *error in attempts
        ),
        *map(tuple, keys),
    )


def _run_out(run: RunInfo) -> list[Any]:
    steps = [
        [
            step.name,
            None if step.depends_on is None else list(step.depends_on),
            step.fingerprint,
            step.idempotent,
            step.compensated,
            step.compensation,
        ]
        for step in run.steps
    ]
    return [
        run.code,
        run.app_version,
        run.host,
        run.pid,
        steps,
        dict(run.origins),
        list(run.kept),
        *([run.strategy] if run.strategy else []),
    ]


def _run_in(fields: Sequence[Any]) -> RunInfo:
    code, app_version, host, pid, steps, origins, kept, *strategy = fields
    return RunInfo(
        code,
        app_version,
        host,
        pid,
        tuple(
            StepInfo(name, None if depends_on is None else tuple(depends_on), *rest)
            for name, depends_on, *rest in steps
        ),
        origins,
        tuple(kept),
        *strategy,
    )
