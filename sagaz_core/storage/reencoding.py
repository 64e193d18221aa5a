"""A saga's chain encoded anew with other bytes for some of its values."""

from __future__ import annotations

from collections.abc import Callable

from sagaz_core.storage.backends.rows import EntryRow
from sagaz_core.storage.capture import Packed
from sagaz_core.storage.chain import Chain, State
from sagaz_core.storage.decoding import apply_entry
from sagaz_core.storage.sealing import CONTEXT, RESULTS


class Reencoding:
    """Takes a saga's entries from the first to the last. Everything else of them stays.

    Args:
        saga_id: the saga.
        change: returns what to store in place of a value, given its side, its key and its bytes;
            the same for the same.
        sign: returns an entry with its authentication code, given that of the one before.
    """

    def __init__(
        self,
        saga_id: str,
        change: Callable[[int, str, bytes], bytes],
        sign: Callable[[EntryRow, bytes | None], EntryRow],
    ) -> None:
        self._saga_id = saga_id
        self._change = change
        self._sign = sign
        self._reading = Chain()
        self._writing = Chain()
        self._keyframe = 0
        self._code: bytes | None = None

    def next(self, entry: EntryRow) -> EntryRow:
        """Return the next entry as it shall be stored; raises CorruptEntryError."""
        state = apply_entry(self._reading, self._saga_id, entry)
        link = self._writing.encode(
            State(
                self._side(CONTEXT, state.context),
                self._side(RESULTS, state.results),
                tuple(state.completed),
                tuple(state.compensated),
            )
        )
        self._writing.accept(link)
        if link.is_keyframe:
            self._keyframe = entry.seq
        entry = entry._replace(keyframe=self._keyframe, body=link.body, mac=None)
        entry = self._sign(entry, self._code)
        self._code = entry.mac
        return entry

    def _side(self, side: int, values: Packed) -> Packed:
        return {key: self._change(side, key, packed) for key, packed in values.items()}
