"""A store that may be written to, and what every change to it needs."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from sagaz_core.errors import ReadOnlyStoreError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.reader import StoreReader

# What writes is imported once something is written: a screen that looks has to open at once.
if TYPE_CHECKING:
    from sagaz_core.storage.commits import GroupCommit
    from sagaz_core.storage.replay_logging import ReplayLogWriter
    from sagaz_core.storage.saver_cache import SaverCache


class WritableStore(StoreReader):
    """A store that may be written to, unless it was opened to look only."""

    @cached_property
    def _commits(self) -> GroupCommit:
        from sagaz_core.storage.commits import GroupCommit

        return GroupCommit(self.backend)

    @cached_property
    def _savers(self) -> SaverCache:
        from sagaz_core.storage.saver_cache import SaverCache

        return SaverCache()

    @cached_property
    def _replay_log(self) -> ReplayLogWriter:
        from sagaz_core.storage.replay_logging import ReplayLogWriter

        return ReplayLogWriter(self.backend)

    async def close(self) -> None:
        """Finish what is being written and give everything back."""
        if self._is_open and not self.read_only:
            await self._commits.drain()
            self._savers.clear()
        await super().close()

    def _let_go(self, saga_ids: Collection[str]) -> None:
        """Keep nothing at hand of sagas that go from the store."""
        for saga_id in saga_ids:
            self._savers.drop(saga_id)
        if self._protection is not None:
            self._protection.let_go(saga_ids)

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise ReadOnlyStoreError(
                f"{self.name} was opened to look only; open it for writing to change it"
            )

    async def _writable(self) -> Backend:
        self._refuse_if_read_only()
        return await self._reader()
