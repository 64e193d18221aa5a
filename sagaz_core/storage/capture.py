"""Detaching a snapshot from the live objects it was taken of, at the moment it is taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from sagaz_core.config import MAX_CONTEXT_BYTES
from sagaz_core.errors import UsageError
from sagaz_core.model import (
    Compensation,
    Kind,
    NotStored,
    SagaSnapshot,
    Status,
    StepError,
    StepRecord,
)
from sagaz_core.storage.codec import escape_pointer, pack, pack_quickly, pack_with_markers
from sagaz_core.storage.times import to_micros

_IMMUTABLE: Final = frozenset(
    {type(None), bool, int, float, str, bytes}
    | {datetime, date, time, timedelta, Decimal, UUID, NotStored}
)
"""Types of which the same object always packs to the same bytes."""

Packed = Mapping[str, bytes]
"""Top-level keys and their values' bytes."""


@dataclass(frozen=True, slots=True)
class CaptureError:
    """A value that was replaced by a marker: where it was, what it was, and why."""

    path: str
    """JSON Pointer in the snapshot's state."""
    type_name: str
    reason: str


class Detached(NamedTuple):
    """A state as bytes: nothing that happens to its objects later can reach it."""

    context: Packed
    results: Packed
    errors: tuple[CaptureError, ...]
    size: int
    """Bytes of context and results together."""
    seen: tuple[Mapping[str, Any], Mapping[str, Any]]
    """The immutable values of context and results, by which the next capture knows them again."""
    since: tuple[Packed, Packed] | None = None
    """Context and results of the capture before, where only ``changed`` was looked at."""
    changed: Collection[str] = ()


class Capture(NamedTuple):
    """A checkpoint that was taken: what it tells, and the state, detached. Times are in µs."""

    saga_name: str
    snapshot_id: str
    kind: Kind
    status: Status
    step_name: str | None
    step_index: int | None
    at: int
    retention_until: int | None
    compensation: Compensation
    error: StepError | None
    attempts: int
    label: str | None
    step_records: tuple[StepRecord, ...]
    gap: int
    completed_steps: tuple[str, ...]
    running_steps: tuple[str, ...]
    compensated_steps: tuple[str, ...]
    # The detached state, flat: one object less for every checkpoint.
    context: Packed
    results: Packed
    errors: tuple[CaptureError, ...]
    size: int
    seen: tuple[Mapping[str, Any], Mapping[str, Any]]
    since: tuple[Packed, Packed] | None = None
    changed: Collection[str] = ()


def capture(
    snapshot: SagaSnapshot,
    *,
    reuse: Capture | None = None,
    max_bytes: int = MAX_CONTEXT_BYTES,
) -> Capture:
    """Capture a snapshot as it is now; see :func:`detach`."""
    if snapshot.created_at.tzinfo is None:
        raise UsageError(
            "a snapshot's created_at needs a time zone; use datetime.now(timezone.utc)"
        )
    until = snapshot.retention_until
    return Capture(
        snapshot.saga_name,
        snapshot.snapshot_id,
        snapshot.kind,
        snapshot.status,
        snapshot.step_name,
        snapshot.step_index,
        to_micros(snapshot.created_at),
        None if until is None else to_micros(until),
        snapshot.compensation,
        snapshot.error,
        snapshot.attempts,
        snapshot.label,
        snapshot.step_records,
        snapshot.gap,
        tuple(snapshot.completed_steps),
        tuple(snapshot.running_steps),
        tuple(snapshot.compensated_steps),
        *detach(snapshot.context, snapshot.results, reuse=reuse, max_bytes=max_bytes),
    )


def detach(
    context: Mapping[str, Any],
    results: Mapping[str, Any],
    *,
    reuse: Capture | None = None,
    changed: Collection[str] | None = None,
    max_bytes: int = MAX_CONTEXT_BYTES,
) -> Detached:
    """Turn a state into bytes as it is now.

    A value without a stored form is replaced by a :class:`NotStored` marker and listed in
    ``errors``; above ``max_bytes`` the largest values are, until the rest fits.

    Args:
        reuse: the capture before this one in the same run, whose bytes are taken again for
            values that cannot have changed.
        changed: all keys that can have changed since; None: any.
        max_bytes: the most that context and results may take together.
    """
    if reuse is not None and changed is not None and not reuse.errors:
        followed = _follow(context, results, reuse, changed)
        if followed is not None and followed.size <= max_bytes:
            return followed
    errors: list[CaptureError] = []
    before = (reuse.context, reuse.results) if reuse else ({}, {})
    known: tuple[Mapping[str, Any], Mapping[str, Any]] = reuse.seen if reuse else ({}, {})
    packed, seen = _pack_values(context, before[0], known[0], errors)
    packed_results, seen_results = _pack_values(results, before[1], known[1], errors)
    size = sum(map(len, packed.values())) + sum(map(len, packed_results.values()))
    if size > max_bytes:
        sides = ((packed, seen, context), (packed_results, seen_results, results))
        size = _shrink(sides, size, max_bytes, errors)
    return Detached(packed, packed_results, tuple(errors), size, (seen, seen_results))


def _follow(
    context: Mapping[str, Any],
    results: Mapping[str, Any],
    before: Capture,
    changed: Collection[str],
) -> Detached | None:
    """Pack only what has changed; None if a value of it needs more care."""
    packed = _pack_changed(context, before.context, changed)
    packed_results = _pack_changed(results, before.results, changed)
    if packed is None or packed_results is None:
        return None
    return Detached(
        packed[0],
        packed_results[0],
        (),
        before.size + packed[1] + packed_results[1],
        ({}, {}),
        (before.context, before.results),
        changed,
    )


def _pack_changed(
    values: Mapping[str, Any], before: Packed, changed: Collection[str]
) -> tuple[Packed, int] | None:
    """Return the bytes of values and by how much they grew: the same mapping if in nothing."""
    after: dict[str, bytes] | None = None
    growth = 0
    for key in changed:
        old = before.get(key)
        if key in values:
            new = pack_quickly(values[key]) if key.isprintable() else None
            if new is None:
                return None
            if new == old:
                continue
            after = dict(before) if after is None else after
            after[key] = new
            growth += len(new)
        elif old is not None:
            after = dict(before) if after is None else after
            del after[key]
        if old is not None:
            growth -= len(old)
    return (before if after is None else after), growth


def _pack_values(
    values: Mapping[str, Any],
    before: Packed,
    known: Mapping[str, Any],
    errors: list[CaptureError],
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the bytes of values, and those of them that are known again by being the same.

    A context is large and a step changes little of it: what has not changed is copied at once.
    """
    packed, seen = dict(before), dict(known)
    found: list[CaptureError] = []
    for key in [key for key, value in values.items() if known.get(key, found) is not value]:
        _pack_value(key, values[key], packed, seen, found)
    if list(packed) != list(values):
        # A key went, moved, or is no text: pack them in their order, without those that went.
        packed, seen, found = {}, {}, []
        for key, value in values.items():
            if known.get(key, found) is value:
                packed[key], seen[key] = before[key], value
            else:
                _pack_value(key, value, packed, seen, found)
    errors += found
    return packed, seen


def _pack_value(
    key: Any,
    value: Any,
    packed: dict[str, bytes],
    seen: dict[str, Any],
    errors: list[CaptureError],
) -> None:
    quick = pack_quickly(value) if type(key) is str and key.isprintable() else None
    if quick is None:
        seen.pop(key, None)
        _pack_slowly(key, value, packed, errors)
        return
    packed[key] = quick
    if type(value) in _IMMUTABLE:
        seen[key] = value
    else:
        seen.pop(key, None)


def _pack_slowly(
    key: Any, value: Any, packed: dict[str, bytes], errors: list[CaptureError]
) -> None:
    name = key if type(key) is str else ascii(key)
    name = name.encode(errors="backslashreplace").decode()
    path = f"/{escape_pointer(name)}"
    if name is key or name == key:
        packed[name], markers = pack_with_markers(value, path)
    else:
        reason = f"its key is no valid text but {type(key).__name__}"
        markers = [NotStored(path, type(value).__name__, reason)]
        packed[name] = pack(markers[0])
    errors.extend(CaptureError(m.path, m.type_name, m.reason) for m in markers)


_Side = tuple[dict[str, bytes], dict[str, Any], Mapping[str, Any]]


def _shrink(
    sides: tuple[_Side, _Side], size: int, max_bytes: int, errors: list[CaptureError]
) -> int:
    """Replace the largest values by markers until the rest fits; returns the new size."""
    largest_first = sorted(
        ((len(value), key, side) for side in sides for key, value in side[0].items()),
        key=lambda entry: entry[0],
        reverse=True,
    )
    for length, key, (packed, seen, source) in largest_first:
        if size <= max_bytes:
            break
        marker = NotStored(
            f"/{escape_pointer(key)}",
            type(source.get(key)).__name__,
            f"is {length:,} bytes; the context is limited to {max_bytes:,}",
        )
        packed[key] = pack(marker)
        seen.pop(key, None)
        size += len(packed[key]) - length
        errors.append(CaptureError(marker.path, marker.type_name, marker.reason))
    return size
