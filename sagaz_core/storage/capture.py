"""Detaching a snapshot from the live objects it was taken of, at the moment it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sagaz_core.config import MAX_CONTEXT_BYTES
from sagaz_core.errors import UsageError
from sagaz_core.model import NotStored, SagaSnapshot
from sagaz_core.storage.codec import escape_pointer, pack, pack_quickly, pack_with_markers

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


@dataclass(frozen=True, slots=True)
class Capture:
    """A snapshot as bytes: nothing that happens to its objects later can reach it."""

    snapshot: SagaSnapshot
    """Where it comes from. Its context, results and lists of steps may have changed since."""
    context: Packed
    results: Packed
    completed_steps: tuple[str, ...]
    running_steps: tuple[str, ...]
    compensated_steps: tuple[str, ...]
    errors: tuple[CaptureError, ...]
    size: int
    """Bytes of context and results together."""
    seen: tuple[Mapping[str, Any], Mapping[str, Any]]
    """The immutable values of context and results, by which the next capture knows them again."""


def capture(
    snapshot: SagaSnapshot,
    *,
    reuse: Capture | None = None,
    max_bytes: int = MAX_CONTEXT_BYTES,
) -> Capture:
    """Capture a snapshot as it is now.

    A value without a stored form is replaced by a :class:`NotStored` marker and listed in
    ``errors``; above ``max_bytes`` the largest values are, until the rest fits.

    Args:
        snapshot: what to capture; not changed.
        reuse: the capture before this one in the same run, whose bytes are taken again for
            values that cannot have changed.
        max_bytes: the most that context and results may take together.
    """
    if snapshot.created_at.tzinfo is None:
        raise UsageError(
            "a snapshot's created_at needs a time zone; use datetime.now(timezone.utc)"
        )
    errors: list[CaptureError] = []
    before = (reuse.context, reuse.results) if reuse else ({}, {})
    known: tuple[Mapping[str, Any], Mapping[str, Any]] = reuse.seen if reuse else ({}, {})
    context, seen_context = _pack_values(snapshot.context, before[0], known[0], errors)
    results, seen_results = _pack_values(snapshot.results, before[1], known[1], errors)
    size = sum(map(len, context.values())) + sum(map(len, results.values()))
    if size > max_bytes:
        sides = (
            (context, seen_context, snapshot.context),
            (results, seen_results, snapshot.results),
        )
        size = _shrink(sides, size, max_bytes, errors)
    return Capture(
        snapshot,
        context,
        results,
        tuple(snapshot.completed_steps),
        tuple(snapshot.running_steps),
        tuple(snapshot.compensated_steps),
        tuple(errors),
        size,
        (seen_context, seen_results),
    )


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
