"""A store as it is shown to somebody who asked for some of a saga's secrets."""

from __future__ import annotations

from collections.abc import Collection

from sagaz_core.errors import DecryptionError
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.masked_reader import MaskedReader
from sagaz_core.storage.protection import Protection
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.unsealing import StateOpener


class RevealingReader(MaskedReader):
    """Gives a mask for each secret but those asked for. Made by ``SnapshotStorage.reveal``.

    Args:
        storage: what it reads from.
        saga_id: the saga whose secrets were asked for.
        paths: keys and indices that lead to them.
    """

    def __init__(
        self, storage: StoreReader, saga_id: str, paths: Collection[tuple[str, ...]]
    ) -> None:
        super().__init__(storage)
        self._saga_id = saga_id
        self._paths = frozenset(paths)
        self._given: set[tuple[str, ...]] = set()

    @property
    def not_found(self) -> list[tuple[str, ...]]:
        """The paths at which no secret was in what has been read so far."""
        return sorted(self._paths - self._given)

    async def opener(self, row: SagaRow) -> StateOpener | None:
        """Return what opens a saga's secrets or masks them."""
        opener = await super().opener(row)
        if opener is not None and row.saga_id == self._saga_id:
            opener.revealed, opener.given = self._paths, self._given
        return opener


async def have_key(protection: Protection | None, row: SagaRow, places: str) -> None:
    """Have the key of a saga at hand if it has one; raises DecryptionError naming the places."""
    if row.wrapped_key is None:
        return
    try:
        if protection is None:
            raise DecryptionError("its key is not at hand; give the keys of the store")
        await protection.ready(writes=False)
        await protection.opened_key(row.saga_id, row.wrapped_key)
    except DecryptionError as error:
        raise DecryptionError(
            f"{places} of saga {row.saga_id!r} cannot be decrypted: {error}"
        ) from error
