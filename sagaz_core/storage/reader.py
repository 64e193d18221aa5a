"""Looking into a store: everything of it that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagaz_core.storage.backends.rows import StoreInfo
from sagaz_core.storage.reading.checkpoints import CheckpointReading
from sagaz_core.storage.reading.evidence import EvidenceReading
from sagaz_core.storage.reading.replays import ReplayReading
from sagaz_core.storage.reading.sagas import SagaReading
from sagaz_core.storage.reading.secrets import SecretReading

if TYPE_CHECKING:
    from sagaz_core.storage.health import HealthReport


class StoreReader(CheckpointReading, SagaReading, ReplayReading, EvidenceReading, SecretReading):
    """The reading half of :class:`~sagaz_core.storage.storage.SnapshotStorage`."""

    @property
    def masked(self) -> StoreReader:
        """The same store with each secret shown as :class:`~sagaz_core.model.Masked`."""
        from sagaz_core.storage.masked_reader import MaskedReader

        return MaskedReader(self)

    async def info(self) -> StoreInfo:
        """Describe the store: where it is, how much it holds."""
        return await (await self._reader()).info()

    async def health_check(self, timeout: float = 5.0) -> HealthReport:
        """Tell whether the store can be used right now; a store that cannot is told, not raised.

        Args:
            timeout: seconds after which it counts as unavailable.
        """
        from sagaz_core.storage.health import check_health

        return await check_health(self, timeout)
