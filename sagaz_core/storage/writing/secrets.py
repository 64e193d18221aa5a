"""Secrets that are asked for as they are, and their keys."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sagaz_core.errors import DecryptionError
from sagaz_core.storage.writing.records import RecordWriting

# What writes is imported once something is written: a screen that looks has to open at once.
if TYPE_CHECKING:
    from sagaz_core.storage.revealing import RevealingReader
    from sagaz_core.storage.rotating import Result, RotationReport


class SecretWriting(RecordWriting):
    """Changes to keys, and secrets shown, which is put on record."""

    async def rotate_keys(
        self,
        *,
        reencrypt: bool = False,
        on_saga: Callable[[str, Result], None] = lambda saga_id, result: None,
    ) -> RotationReport:
        """Bring the keys of all sagas under the provider's current key; others may go on writing.

        Args:
            reencrypt: make new keys for the sagas and encrypt their secrets anew; else only the
                keys they have are wrapped anew, and no data is touched.
            on_saga: is told of each saga what became of it.

        Raises:
            DecryptionError: the keys of the store are not at hand.
        """
        from sagaz_core.storage.rotating import rotate

        backend = await self._writable()
        if self._protection is None:
            raise DecryptionError("there is no key to rotate to; give the keys, the new one first")
        return await rotate(backend, self._protection, reencrypt=reencrypt, on_saga=on_saga)

    async def reveal(
        self, saga_id: str, paths: Collection[tuple[str, ...]], *, by: str
    ) -> RevealingReader:
        """Return the store as it is shown, with some of a saga's secrets as they are.

        That they were asked for is on record before any is given.

        Args:
            saga_id: the saga.
            paths: keys and indices that lead to them; a result's begins with its step.
            by: who asks.

        Raises:
            NotAllowedError: the settings forbid it.
            SagaNotFoundError: there is no such saga.
            DecryptionError: its key is not at hand; nothing is put on record.
        """
        from sagaz_core.storage.revealing import RevealingReader, have_key
        from sagaz_core.storage.unsealing import pointer_to

        self.require("reveal")
        pointers = [pointer_to(path) for path in paths]
        await have_key(self._protection, await self._row(saga_id), ", ".join(pointers))
        await self.record_event(saga_id, "revealed", by=by, details={"paths": pointers})
        return RevealingReader(self, saga_id, paths)
