"""Encrypting the secrets of a state before it goes into the chain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

import ormsgpack

from sagaz_core.compliance.data_key import DataKey
from sagaz_core.compliance.replacing import Path, replace_inside
from sagaz_core.compliance.sealed import SIGN, Sealed
from sagaz_core.storage.capture import Capture, Packed
from sagaz_core.storage.chain import State
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.protection import Protection, text_length

CONTEXT, RESULTS = 0, 1
_NOWHERE: Final = object()


def place_of(saga_id: str, side: int, path: Path, sequence: int) -> bytes:
    """Return what an encrypted value is bound to."""
    return ormsgpack.packb([saga_id, side, list(path), sequence])


class Protected(NamedTuple):
    """A state with its secrets encrypted, and from which earlier one it differs in what."""

    context: Packed
    results: Packed
    since: tuple[Packed, Packed] | None


class StateSealer:
    """Encrypts one saga's states, one after another.

    A secret that has not changed keeps its bytes, so that nothing seems to have changed.

    Args:
        protection: which values are secrets.
        saga_id: the saga.
        key: its key.
        note: is told each secret's bytes when it is first met.
    """

    def __init__(
        self,
        protection: Protection,
        saga_id: str,
        key: DataKey,
        note: Callable[[bytes], None],
    ) -> None:
        self._protection = protection
        self._fields = protection.fields
        self._saga_id = saga_id
        self._key = key
        self._note = note
        self._plain: tuple[Packed, Packed] = ({}, {})
        self._protected: tuple[Packed, Packed] = ({}, {})

    def seal(self, capture: Capture, before: State, sequence: int) -> Protected:
        """Return a capture's state with its secrets encrypted.

        Args:
            capture: the state.
            before: the chain's end, which the state follows.
            sequence: the number that the checkpoint will have.
        """
        goes_on = (
            capture.since is not None
            and self._protected[0] is before.context
            and self._protected[1] is before.results
        )
        since = (
            self._protected
            if goes_on
            and capture.since is not None
            and capture.since[0] is self._plain[0]
            and capture.since[1] is self._plain[1]
            else None
        )
        among = None if since is None else capture.changed
        context = self._side(CONTEXT, capture.context, before.context, sequence, among)
        results = self._side(RESULTS, capture.results, before.results, sequence, among)
        self._plain, self._protected = (capture.context, capture.results), (context, results)
        return Protected(context, results, since)

    def _side(
        self,
        side: int,
        values: Packed,
        before: Packed,
        sequence: int,
        among: Collection[str] | None,
    ) -> Packed:
        plain, known = self._plain[side], self._protected[side]
        if values is plain:
            return known
        protected: dict[str, bytes] = dict(known) if among is not None else {}
        for key in values if among is None else among:
            packed = values.get(key)
            if packed is None:
                protected.pop(key, None)
            elif plain.get(key) == packed and key in known:
                protected[key] = known[key]
            else:
                protected[key] = self._value(side, key, packed, before.get(key), sequence)
        return protected

    def _value(
        self, side: int, key: str, packed: bytes, before: bytes | None, sequence: int
    ) -> bytes:
        old = unpack(before) if before is not None and SIGN in before else _NOWHERE
        # What was encrypted once in this saga stays so, whoever goes on with it.
        if self._fields.hold((key,)) or isinstance(old, Sealed):
            return pack(self._sealed(side, (key,), packed, old, sequence))
        if old is _NOWHERE and not self._fields.may_be_inside(key, packed):
            return packed
        value = unpack(packed)

        def found(part: Any, path: Path) -> Any:
            before_it = _at(old, path[1:])
            if not (self._fields.hold_value(path, part) or isinstance(before_it, Sealed)):
                return part
            return self._sealed(side, path, pack(part), before_it, sequence)

        replaced = replace_inside(value, (key,), found)
        return packed if replaced is value else pack(replaced)

    def _sealed(self, side: int, path: Path, packed: bytes, before: Any, sequence: int) -> Sealed:
        fingerprint = self._protection.fingerprint(packed)
        # Also one that was recorded before: this process may not know it yet.
        self._note(packed)
        if isinstance(before, Sealed) and before.fingerprint == fingerprint:
            return before
        return Sealed(
            sequence,
            text_length(unpack(packed)),
            fingerprint,
            self._key.encrypt(packed, place_of(self._saga_id, side, path, sequence)),
        )


def _at(value: Any, path: Path) -> Any:
    for token in path:
        try:
            if isinstance(value, Mapping):
                value = value[token]
            elif isinstance(value, list | tuple):
                value = value[int(token)]
            else:
                return _NOWHERE
        except (LookupError, ValueError):
            return _NOWHERE
    return value
