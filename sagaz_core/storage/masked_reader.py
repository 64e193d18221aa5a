"""A store as it is shown: with a mask in the place of each secret."""

from __future__ import annotations

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.reader import StoreReader


class MaskedReader(StoreReader):
    """Reads what another reads, and gives a mask for each secret. Made by its ``masked``.

    It opens with the other, and closes with it.
    """

    _masks = True

    def __init__(self, storage: StoreReader) -> None:
        super().__init__(storage.backend, read_only=True)
        self._storage = storage
        self._protection = storage._protection

    @property
    def masked(self) -> StoreReader:
        """Itself."""
        return self

    async def open(self) -> None:
        """Open the store that it reads from."""
        await self._storage.open()

    async def close(self) -> None:
        """Close the store that it reads from."""
        await self._storage.close()

    async def _reader(self) -> Backend:
        self.require("view")
        return await self._storage._reader()
