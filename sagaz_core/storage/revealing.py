"""A store as it is shown to somebody who asked for some of a saga's secrets."""

from __future__ import annotations

from collections.abc import Collection

from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.masked_reader import MaskedReader
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

    async def opener(self, row: SagaRow) -> StateOpener | None:
        """Return what opens a saga's secrets or masks them."""
        opener = await super().opener(row)
        if opener is not None and row.saga_id == self._saga_id:
            opener.revealed = self._paths
        return opener
