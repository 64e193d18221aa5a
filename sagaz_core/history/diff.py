"""What differs between two values or two checkpoints, line by line, by JSON Pointer."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jsonpointer import escape

from sagaz_core.history.alignment import align
from sagaz_core.model import MISSING, Difference, Masked, NotStored

if TYPE_CHECKING:
    from sagaz_core.storage.reader import StoreReader


def diff(before: Any, after: Any) -> list[Difference]:
    """Return how ``after`` differs from ``before``; an empty list if it does not.

    Values are equal only with their types: ``1``, ``True``, ``1.0`` and ``Decimal(1)`` are four
    values. NaN equals NaN. Mappings are walked by key, lists and tuples with their items
    aligned, sets by element (whose path is the set's with the element's text). A value that
    came, or went, is one line, however deep it is.
    """
    return list(_walk(before, after, "", ""))


async def diff_checkpoints(storage: StoreReader, saga_id: str, a: int, b: int) -> list[Difference]:
    """Return how checkpoint ``b`` of a saga differs from ``a``: context and step results.

    Raises:
        SagaNotFoundError, SnapshotNotFoundError: there is no such saga or checkpoint.
    """
    before = await storage.masked.get_checkpoint(saga_id, a)
    after = await storage.masked.get_checkpoint(saga_id, b)
    return diff(before.state, after.state)


def fingerprint(value: Any) -> Hashable:
    """Return a hashable form of a value: equal for two values exactly when they do not differ."""
    kind = type(value)
    if kind is dict:
        return kind, frozenset((key, fingerprint(item)) for key, item in value.items())
    if kind is list or kind is tuple:
        return kind, tuple([fingerprint(item) for item in value])
    if kind is set or kind is frozenset:
        return kind, frozenset(fingerprint(item) for item in value)
    if kind in (str, int, bool, bytes):
        return kind, value
    if isinstance(value, NotStored):
        # Its path moves with its neighbours; the value that was lost is no other for that.
        return kind, value.type_name, value.reason
    if isinstance(value, Masked):
        return kind, value
    # By their text, floats, decimals and times differ in sign of zero, trailing zeros and zone
    # as they should, and NaN is itself.
    return kind, repr(value)


def _walk(before: Any, after: Any, old_path: str, new_path: str) -> Iterator[Difference]:
    if before is after:
        return
    if type(before) is not type(after):
        untyped = bool({type(before), type(after)} & {type(None), NotStored, Masked})
        kind = "changed" if untyped else "type_changed"
        yield Difference(new_path, kind, before, after)  # type: ignore[arg-type]
    elif isinstance(before, dict):
        yield from _walk_mapping(before, after, old_path, new_path)
    elif isinstance(before, list | tuple):
        yield from _walk_list(before, after, old_path, new_path)
    elif isinstance(before, set | frozenset):
        yield from _walk_set(before, after, old_path, new_path)
    elif fingerprint(before) != fingerprint(after):
        yield Difference(new_path, "changed", before, after)


def _walk_mapping(
    before: Mapping[str, Any], after: Mapping[str, Any], old_path: str, new_path: str
) -> Iterator[Difference]:
    for key in sorted(before.keys() | after.keys(), key=str):
        token = "/" + escape(str(key))
        yield from _item(
            before.get(key, MISSING), after.get(key, MISSING), old_path + token, new_path + token
        )


def _walk_list(
    before: list[Any] | tuple[Any, ...],
    after: list[Any] | tuple[Any, ...],
    old_path: str,
    new_path: str,
) -> Iterator[Difference]:
    old_prints, new_prints = _prints(before), _prints(after)

    def likeness(i: int, j: int) -> float:
        return _likeness(before[i], after[j])

    for i, j in align(old_prints, new_prints, likeness):
        if i is not None and j is not None and old_prints[i] == new_prints[j]:
            continue
        yield from _item(
            MISSING if i is None else before[i],
            MISSING if j is None else after[j],
            f"{old_path}/{i}",
            f"{new_path}/{j}",
        )


def _walk_set(
    before: set[Any] | frozenset[Any],
    after: set[Any] | frozenset[Any],
    old_path: str,
    new_path: str,
) -> Iterator[Difference]:
    old = {fingerprint(element): element for element in before}
    new = {fingerprint(element): element for element in after}
    for print_ in sorted(old.keys() ^ new.keys(), key=repr):
        element = old.get(print_, new.get(print_))
        token = "/" + escape(_text(element))
        yield from _item(
            old.get(print_, MISSING), new.get(print_, MISSING), old_path + token, new_path + token
        )


def _text(element: Any) -> str:
    # Python refuses to write integers of thousands of digits in decimal.
    large = isinstance(element, int) and element.bit_length() > 10_000
    return hex(element) if large else str(element)


def _item(before: Any, after: Any, old_path: str, new_path: str) -> Iterator[Difference]:
    if before is MISSING:
        yield Difference(new_path, "added", after=after)
    elif after is MISSING:
        yield Difference(old_path, "removed", before=before)
    else:
        yield from _walk(before, after, old_path, new_path)


def _prints(items: list[Any] | tuple[Any, ...]) -> list[Hashable]:
    return [fingerprint(item) for item in items]


def _likeness(before: Any, after: Any) -> float:
    """How much of two unequal items is equal at their top level, 0 to 1."""
    if type(before) is not type(after):
        return 0.0
    if isinstance(before, dict):
        shared = before.keys() & after.keys()
        equal = sum(fingerprint(before[key]) == fingerprint(after[key]) for key in shared)
        return (equal + 0.5 * (len(shared) - equal)) / max(len(before.keys() | after.keys()), 1)
    if isinstance(before, list | tuple):
        pairs = zip(before, after, strict=False)
        equal = sum(fingerprint(old) == fingerprint(new) for old, new in pairs)
        return equal / max(len(before), len(after), 1)
    return 0.1
