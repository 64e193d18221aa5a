"""A saga's states as a chain: a keyframe now and then, and between them only what changed.

A body is a form byte, a checksum over its content and the body before it, and its content. A
keyframe's content is the whole state. A delta's is the top-level keys set and removed, a large
value as the difference to what it was before. The checksum runs through the chain: a body read
after the wrong one, or after a damaged one, is found out instead of decoding to something that
never was.

A keyframe comes as soon as the deltas since the last outweigh it, after 127 of them at the
latest, and earlier where values are so large that reading on would take long.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import ormsgpack

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.difference import compress, decompress, difference, patch, restore
from sagaz_core.storage.names import Names, store_names

_DELTA, _KEYFRAME = 1, 2
_MAX_DELTAS: Final = 127
_MIN_WEIGHT: Final = 4096
"""Below this many bytes of state a keyframe saves less than it costs."""
_MAX_REBUILT: Final = 256 * 1024 * 1024
"""Bytes of values that reading a state may put together on the way: some 0.1 s."""

_Keys = tuple[frozenset[str], frozenset[str]]
"""Of context and of results."""
_NONE: Final[frozenset[str]] = frozenset()


DAMAGE: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What decoding raises that meets other bytes than were encoded."""


class DamagedBodyError(CorruptEntryError):
    """A body cannot be decoded; ``index`` counts those from the keyframe before it on, from 0."""

    def __init__(self, index: int, error: Exception) -> None:
        super().__init__(
            f"it cannot be decoded: {error}; the ones up to the keyframe before it still can"
        )
        self.index = index


class State(NamedTuple):
    """A saga's state as bytes: each top-level value packed, each list of steps as it is."""

    context: Mapping[str, bytes]
    results: Mapping[str, bytes]
    completed: Sequence[str] = ()
    compensated: Sequence[str] = ()

    @property
    def weight(self) -> int:
        """About how many bytes a keyframe of it takes, uncompressed."""
        return sum(
            sum(map(len, part)) + sum(map(len, part.values()))
            for part in (self.context, self.results)
        ) + sum(sum(map(len, part)) for part in (self.completed, self.compensated))


class Link(NamedTuple):
    """A state encoded as the next body of a chain, not yet part of it."""

    state: State
    body: bytes
    is_keyframe: bool
    check: int
    changed: _Keys
    """Keys set or removed."""


class Chain:
    """The end of a saga's chain, as far as the next body depends on it.

    The same object encodes a writer's bodies and decodes a reader's: what one has accepted and
    what the other has applied leave it in the same state.
    """

    def __init__(self) -> None:
        self.state = State({}, {})
        self._check = 0
        self._deltas = 0
        self._weight_left = 0
        self._unweighed: State | None = None
        """The keyframe that the deltas are weighed against, until one is to be encoded."""
        self._rebuilt_left = 0

    # -- writing

    def encode(
        self,
        state: State,
        since: tuple[Mapping[str, bytes], Mapping[str, bytes]] | None = None,
        among: Collection[str] = (),
    ) -> Link:
        """Encode what the saga's state is now; :meth:`accept` makes it part of the chain.

        Args:
            since: context and results of an earlier state, from which this one differs at most
                in the keys ``among``; where that is the chain's end, no others are looked at.
        """
        before = self.state
        if since is None or since[0] is not before.context or since[1] is not before.results:
            changed = (
                _changed_keys(before.context, state.context),
                _changed_keys(before.results, state.results),
            )
        else:
            changed = (
                _changed_among(among, before.context, state.context),
                _changed_among(among, before.results, state.results),
            )
        if self._unweighed is not None:
            self._weight_left += max(self._unweighed.weight, _MIN_WEIGHT)
            self._unweighed = None
        if self._weight_left > 0 and self._rebuilt_left > 0 and self._deltas < _MAX_DELTAS:
            content = ormsgpack.packb(self._delta(state, changed))
            # A delta heavier than the state itself: the state is cheaper to store and to read.
            if len(content) <= _MIN_WEIGHT or len(content) <= state.weight:
                return _link(state, _DELTA, content, self._check, changed)
        whole = [
            dict(state.context),
            dict(state.results),
            store_names(state.completed),
            store_names(state.compensated),
        ]
        return _link(state, _KEYFRAME, compress(ormsgpack.packb(whole)), 0, changed)

    def accept(self, link: Link) -> None:
        """Make a link the end of the chain: it has been stored."""
        self._go_on(link.state, link.is_keyframe, link.body, link.check, link.changed)

    def _delta(self, state: State, changed: _Keys) -> list[Any]:
        before = self.state
        parts: list[Any] = [
            *_changes(changed[0], before.context, state.context),
            *_changes(changed[1], before.results, state.results),
            _tail(before.completed, state.completed),
            _tail(before.compensated, state.compensated),
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
        except DAMAGE as error:
            raise CorruptEntryError(
                f"it cannot be decoded: {error}; the ones up to the keyframe before it still can"
            ) from error

    def _apply(self, body: bytes) -> State:
        form, check, content = body[0], int.from_bytes(body[1:5], "big"), body[5:]
        if form not in (_DELTA, _KEYFRAME):
            raise ValueError(f"it has the form {form} of a newer sagaz; upgrade to read it")
        if zlib.crc32(content, 0 if form == _KEYFRAME else self._check) != check:
            raise ValueError("its checksum does not match")
        if form == _KEYFRAME:
            context, results, completed, compensated = ormsgpack.unpackb(decompress(content))
            state = State(context, results, Names.read(completed), Names.read(compensated))
            changed: _Keys = (frozenset(), frozenset())
        else:
            parts = ormsgpack.unpackb(content)
            parts += [None] * (6 - len(parts))
            state = State(
                _values_after(self.state.context, parts[0], parts[1]),
                _values_after(self.state.results, parts[2], parts[3]),
                _with_tail(self.state.completed, parts[4]),
                _with_tail(self.state.compensated, parts[5]),
            )
            changed = (frozenset(parts[0] or ()), frozenset(parts[2] or ()))
        self._go_on(state, form == _KEYFRAME, body, check, changed)
        return state

    # -- both

    def _go_on(
        self, state: State, is_keyframe: bool, body: bytes, check: int, changed: _Keys
    ) -> None:
        self.state = state
        self._check = check
        if is_keyframe:
            self._deltas = 0
            self._weight_left, self._unweighed = 0, state
            self._rebuilt_left = _MAX_REBUILT
            return
        self._deltas += 1
        self._weight_left -= len(body)
        for key in changed[0]:
            self._rebuilt_left -= len(state.context.get(key, b""))
        for key in changed[1]:
            self._rebuilt_left -= len(state.results.get(key, b""))


def last_state(bodies: Iterable[bytes]) -> State:
    """Return the state after the last of some bodies, the first of which is a keyframe.

    For reading that one alone: the states between are not made.

    Raises:
        DamagedBodyError: one of them is damaged or does not follow the one before.
    """
    context: dict[str, Any] = {}
    results: dict[str, Any] = {}
    completed: Sequence[str] = ()
    compensated: Sequence[str] = ()
    check = index = 0
    try:
        for body in bodies:
            form, previous, check = body[0], check, int.from_bytes(body[1:5], "big")
            content = body[5:]
            if zlib.crc32(content, 0 if form == _KEYFRAME else previous) != check:
                raise ValueError("its checksum does not match")
            if form == _KEYFRAME:
                context, results, *names = ormsgpack.unpackb(decompress(content))
                completed, compensated = map(Names.read, names)
                index += 1
                continue
            if form != _DELTA:
                raise ValueError(f"it has the form {form} of a newer sagaz; upgrade to read it")
            parts = ormsgpack.unpackb(content)
            _change(context, parts[0:2])
            if len(parts) > 2:
                _change(results, parts[2:4])
                completed = _with_tail(completed, parts[4]) if len(parts) > 4 else completed
                compensated = _with_tail(compensated, parts[5]) if len(parts) > 5 else compensated
            index += 1
    except DAMAGE as error:
        raise DamagedBodyError(index, error) from error
    return State(context, results, completed, compensated)


def _change(values: dict[str, Any], parts: list[Any]) -> None:
    """Set and remove values in place, large ones as bytearrays."""
    if len(parts) > 1:
        for key in parts[1] or ():
            del values[key]
    for key, stored in (parts[0] or {}).items() if parts else ():
        if isinstance(stored, bytes):
            values[key] = stored
            continue
        value = values.get(key, b"")
        if not isinstance(value, bytearray):
            value = bytearray(value)
        if not patch(value, stored):
            value = restore(value, stored)
        values[key] = value


def _link(state: State, form: int, content: bytes, previous: int, changed: _Keys) -> Link:
    check = zlib.crc32(content, previous)
    body = bytes((form,)) + check.to_bytes(4, "big") + content
    return Link(state, body, form == _KEYFRAME, check, changed)


def _changed_keys(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> frozenset[str]:
    if before == after:
        return _NONE
    changed = [key for key, value in after.items() if before.get(key) != value]
    if len(after) - len(changed) < len(before):
        changed += [key for key in before if key not in after]
    return frozenset(changed)


def _changed_among(
    keys: Iterable[str], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> frozenset[str]:
    if before is after:
        return _NONE
    return frozenset([key for key in keys if before.get(key) != after.get(key)])


def _changes(
    keys: frozenset[str], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> tuple[dict[str, Any] | None, list[str] | None]:
    """Return what to store of values set, and of keys removed."""
    if not keys:
        return None, None
    # In the state's own order, so that keys keep it on the way back.
    ordered = keys if len(keys) == 1 else [key for key in after if key in keys]
    values = {key: difference(before.get(key), after[key]) for key in ordered if key in after}
    removed = [key for key in keys if key not in after] if len(values) < len(keys) else None
    return values or None, removed


def _values_after(
    before: Mapping[str, bytes], values: Mapping[str, Any] | None, removed: Iterable[str] | None
) -> Mapping[str, bytes]:
    if values is None and removed is None:
        return before
    after = dict(before)
    for key in removed or ():
        del after[key]
    for key, stored in (values or {}).items():
        after[key] = restore(before.get(key), stored)
    return after


def _tail(before: Sequence[str], after: Sequence[str]) -> list[Any] | None:
    """Return how many to keep of the list before, and what follows them; None: all, nothing."""
    before = tuple(before)
    kept = len(before)
    if after[:kept] == before:
        if kept == len(after):
            return None
    else:
        kept = next(
            (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
            min(len(before), len(after)),
        )
    return [kept, *after[kept:]]


def _with_tail(before: Sequence[str], tail: Sequence[Any] | None) -> Sequence[str]:
    if tail is None:
        return before
    names = before if isinstance(before, Names) else Names(before)
    return names.then(tail[0], tail[1:])
