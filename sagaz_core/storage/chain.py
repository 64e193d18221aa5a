"""A saga's states as a chain: a keyframe now and then, and between them only what changed.

A body is a form byte, a checksum over itself and the body before it, and its content. A
keyframe's content is the whole state. A delta's is the top-level keys set and removed, a large
value as a difference to an earlier version of itself: the n-th version since the keyframe
refers to version ``n & (n - 1)``, so that reading one undoes log2(n) differences at most.

The checksum runs through the chain: a body read after the wrong one, or after a damaged one,
is found out instead of decoding to something that never was.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ormsgpack

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.difference import Splice, compress, decompress, difference

_DELTA, _KEYFRAME = 1, 2
_MAX_DELTAS: Final = 255
_MIN_WEIGHT: Final = 1024
"""Below this many bytes of state a keyframe saves less than it costs."""


@dataclass(frozen=True, slots=True)
class State:
    """A saga's state as bytes: each top-level value packed, each list of steps as it is."""

    context: Mapping[str, bytes]
    results: Mapping[str, bytes]
    completed: tuple[str, ...] = ()
    compensated: tuple[str, ...] = ()

    @property
    def weight(self) -> int:
        """About how many bytes a keyframe of it takes, uncompressed."""
        values = (self.context, self.results)
        steps = (self.completed, self.compensated)
        return sum(sum(map(len, part.values())) + sum(map(len, part)) for part in values) + sum(
            sum(map(len, part)) for part in steps
        )


@dataclass(frozen=True, slots=True)
class Link:
    """A state encoded as the next body of a chain, not yet part of it."""

    state: State
    body: bytes
    is_keyframe: bool
    check: int
    changed: tuple[frozenset[str], frozenset[str]]
    """Keys set or removed, of context and results."""


@dataclass(slots=True)
class _Versions:
    """One key's values since the last keyframe: those that a later one may refer to."""

    last: int = 0
    values: dict[int, bytes] = field(default_factory=dict)

    @property
    def base(self) -> bytes:
        """The value that the next version refers to."""
        return self.values[(self.last + 1) & self.last]

    def add(self, value: bytes) -> None:
        self.last += 1
        kept = {0}
        version = self.last
        while version:
            version &= version - 1
            kept.add(version)
        self.values = {n: old for n, old in self.values.items() if n in kept}
        self.values[self.last] = value


class Chain:
    """The end of a saga's chain, as far as the next body depends on it.

    The same object encodes a writer's bodies and decodes a reader's: what one has accepted and
    what the other has applied leave it in the same state.
    """

    def __init__(self) -> None:
        self.state = State({}, {})
        self._versions: tuple[dict[str, _Versions], dict[str, _Versions]] = ({}, {})
        self._check = 0
        self._deltas = 0
        self._weight = 0
        """Bytes of deltas that are still worth adding before a new keyframe."""

    # -- writing

    def encode(self, state: State) -> Link:
        """Encode what the saga's state is now; :meth:`accept` makes it part of the chain."""
        changed = (
            _changed_keys(self.state.context, state.context),
            _changed_keys(self.state.results, state.results),
        )
        if self._weight > 0 and self._deltas < _MAX_DELTAS:
            content = _pack(self._delta(state, changed))
            # A delta heavier than the state itself: the state is cheaper to store and to read.
            if len(content) <= _MIN_WEIGHT or len(content) <= state.weight:
                return self._link(state, _DELTA, content, self._check, changed)
        content = compress(
            _pack(
                [
                    dict(state.context),
                    dict(state.results),
                    list(state.completed),
                    list(state.compensated),
                ]
            )
        )
        return self._link(state, _KEYFRAME, content, 0, changed)

    def accept(self, link: Link) -> None:
        """Make a link the end of the chain: it has been stored."""
        if link.is_keyframe:
            self._restart(link.state)
        else:
            self._advance(link.state, link.changed)
            self._deltas += 1
            self._weight -= len(link.body)
        self._check = link.check
        self.state = link.state

    def _link(
        self,
        state: State,
        form: int,
        content: bytes,
        previous: int,
        changed: tuple[frozenset[str], frozenset[str]],
    ) -> Link:
        check = zlib.crc32(content, previous)
        body = bytes((form,)) + check.to_bytes(4, "big") + content
        return Link(state, body, form == _KEYFRAME, check, changed)

    def _delta(self, state: State, changed: tuple[frozenset[str], frozenset[str]]) -> list[Any]:
        parts: list[Any] = []
        for keys, new, versions in zip(
            changed, (state.context, state.results), self._versions, strict=True
        ):
            # In the state's own order, so that keys keep it on the way back.
            ordered = [key for key in new if key in keys] if len(keys) > 1 else keys
            values = {
                key: _stored(versions[key].base if key in versions else None, new[key])
                for key in ordered
                if key in new
            }
            parts += [values or None, [key for key in keys if key not in new] or None]
        parts += [
            _tail(self.state.completed, state.completed),
            _tail(self.state.compensated, state.compensated),
        ]
        while parts and parts[-1] is None:
            parts.pop()
        return parts

    # -- reading

    def apply(self, body: bytes) -> State:
        """Decode the next body and return the state after it.

        Raises :class:`CorruptEntryError` if it is damaged or does not follow the one before.
        """
        try:
            return self._apply(body)
        except CorruptEntryError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise CorruptEntryError(
                f"a checkpoint cannot be decoded: {error}; the ones before it still can"
            ) from error

    def _apply(self, body: bytes) -> State:
        form, check, content = body[0], int.from_bytes(body[1:5], "big"), body[5:]
        if form not in (_DELTA, _KEYFRAME):
            raise ValueError(f"it has the form {form}, which this sagaz does not know")
        if zlib.crc32(content, 0 if form == _KEYFRAME else self._check) != check:
            raise ValueError("its checksum does not match")
        if form == _KEYFRAME:
            context, results, completed, compensated = _unpack(decompress(content))
            state = State(context, results, tuple(completed), tuple(compensated))
            self._restart(state)
        else:
            state, changed = self._state_after(_unpack(content))
            self._advance(state, changed)
            self._deltas += 1
            self._weight -= len(body)
        self._check = check
        self.state = state
        return state

    def _state_after(self, parts: list[Any]) -> tuple[State, tuple[frozenset[str], frozenset[str]]]:
        parts += [None] * (6 - len(parts))
        context, context_keys = self._values_after(0, self.state.context, parts[0], parts[1])
        results, results_keys = self._values_after(1, self.state.results, parts[2], parts[3])
        state = State(
            context,
            results,
            _with_tail(self.state.completed, parts[4]),
            _with_tail(self.state.compensated, parts[5]),
        )
        return state, (context_keys, results_keys)

    def _values_after(
        self,
        side: int,
        before: Mapping[str, bytes],
        values: Mapping[str, Any] | None,
        removed: Iterable[str] | None,
    ) -> tuple[Mapping[str, bytes], frozenset[str]]:
        if values is None and removed is None:
            return before, frozenset()
        after = dict(before)
        gone = frozenset(removed or ())
        for key in gone:
            del after[key]
        versions = self._versions[side]
        for key, stored in (values or {}).items():
            after[key] = (
                stored
                if type(stored) is bytes
                else Splice(*stored).apply_to(versions[key].base if key in versions else None)
            )
        return after, gone.union(values or ())

    # -- both

    def _restart(self, state: State) -> None:
        for versions, values in zip(self._versions, (state.context, state.results), strict=True):
            versions.clear()
            versions.update((key, _Versions(0, {0: value})) for key, value in values.items())
        self._deltas = 0
        self._weight = max(state.weight, _MIN_WEIGHT)

    def _advance(self, state: State, changed: tuple[frozenset[str], frozenset[str]]) -> None:
        for keys, values, versions in zip(
            changed, (state.context, state.results), self._versions, strict=True
        ):
            for key in keys:
                value = values.get(key)
                if value is None:
                    del versions[key]
                elif key in versions:
                    versions[key].add(value)
                else:
                    versions[key] = _Versions(0, {0: value})


def _stored(base: bytes | None, value: bytes) -> bytes | list[Any]:
    stored = difference(base, value)
    return stored if type(stored) is bytes else list(stored)


def _changed_keys(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> frozenset[str]:
    if before is after or before == after:
        return frozenset()
    changed = [key for key, value in after.items() if before.get(key) != value]
    if len(after) - len(changed) < len(before):
        changed += [key for key in before if key not in after]
    return frozenset(changed)


def _tail(before: Sequence[str], after: Sequence[str]) -> list[Any] | None:
    """Return how many to keep of the list before, and what follows them; None: all, nothing."""
    if before == after:
        return None
    kept = len(before)
    if after[:kept] != before:
        kept = next(
            (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
            min(len(before), len(after)),
        )
    return [kept, *after[kept:]]


def _with_tail(before: tuple[str, ...], tail: Sequence[Any] | None) -> tuple[str, ...]:
    return before if tail is None else (*before[: tail[0]], *tail[1:])


def _pack(value: Any) -> bytes:
    return ormsgpack.packb(value)


def _unpack(content: bytes) -> Any:
    return ormsgpack.unpackb(content)
