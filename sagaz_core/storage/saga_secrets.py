"""What happens to one saga's checkpoints before they are stored, where it has secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sagaz_core.storage.audit_trail import head_of_trail
from sagaz_core.storage.authentication import Index, signed_entry, signed_row
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import EntryRow, SagaRow, TouchRow
from sagaz_core.storage.capture import Capture
from sagaz_core.storage.chain import State
from sagaz_core.storage.protection import Protection
from sagaz_core.storage.saga_key import SagaKey
from sagaz_core.storage.sealing import Protected, StateSealer
from sagaz_core.storage.striking import striker_of
from sagaz_core.storage.trail_anchor import anchored


class SagaSecrets:
    """Encrypts a saga's secrets and authenticates its checkpoints. Made by :meth:`open`.

    Args:
        protection: which values are secrets.
        saga_id: the saga.
        key: its key; None: its secrets are not encrypted.
    """

    def __init__(self, protection: Protection, saga_id: str, key: SagaKey | None) -> None:
        self._saga_id = saga_id
        self._key = key
        self._striker = striker_of(protection, saga_id)
        self._sealer = (
            None if key is None else StateSealer(protection, saga_id, key.key, self._striker.note)
        )

    @classmethod
    async def open(
        cls, protection: Protection, backend: Backend, saga_id: str, row: SagaRow | None
    ) -> Self:
        """Have a saga's key at hand, or make it: from now on its secrets are encrypted.

        A key that was made is stored with the first checkpoint that it encrypts, or not at all.

        Args:
            protection: which values are secrets.
            backend: the store.
            saga_id: the saga.
            row: its row; None: it is new.

        Raises:
            DecryptionError: a key is not at hand.
        """
        await protection.ready(writes=True)
        if row is not None and row.wrapped_key is not None:
            return cls(protection, saga_id, await protection.saga_key(row))
        if not protection.manager.encrypts:
            return cls(protection, saga_id, None)
        key = await protection.new_key(saga_id, 1 if row is None else row.head + 1)
        # Without it the row would tell nothing of the trail, which would seem to be gone.
        audit_key = await protection.audit_key(writes=True)
        if audit_key is not None:
            trail = (0, b"") if row is None else await head_of_trail(backend, saga_id)
            key = key._replace(wrapped=anchored(key.wrapped, audit_key, saga_id, *trail))
        return cls(protection, saga_id, key)

    def strike(self, capture: Capture) -> Capture:
        """Return a capture with its secrets struck out of errors and labels."""
        return self._striker.strike_capture(capture)

    def seal(self, capture: Capture, before: State, sequence: int) -> Protected:
        """Return a capture's state with its secrets encrypted; see :class:`StateSealer`."""
        if self._sealer is None:
            return Protected(capture.context, capture.results, capture.since)
        return self._sealer.seal(capture, before, sequence)

    def sign_entry(
        self,
        entry: EntryRow,
        before: bytes | None,
        touches: Sequence[TouchRow],
        tags: Sequence[tuple[str, str]],
    ) -> EntryRow:
        """Return an entry with its authentication code, given that of the one before.

        Args:
            entry: the entry.
            before: the code of the one before; None: there is none.
            touches: the keys that it changes.
            tags: the saga's, with its first entry.
        """
        if self._key is None:
            return entry
        return signed_entry(self._key.key, self._saga_id, before, entry, Index(touches, tags))

    def sign_row(self, row: SagaRow, head: bytes | None) -> SagaRow:
        """Return a saga's row with its wrapped key and code, given that of its latest entry."""
        if self._key is None:
            return row
        row = row._replace(wrapped_key=self._key.wrapped.to_bytes())
        return signed_row(self._key.key, row, head)
