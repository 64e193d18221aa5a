"""Says when a saga that runs has written nothing for long, by the store's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sagaz_core.errors import StorageError
from sagaz_core.storage.times import from_micros
from sagaz_tui.showing.zone import in_zone

if TYPE_CHECKING:
    from sagaz_core.model import SagaSummary
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.debugger.session import SagaSession

LONG: Final = timedelta(seconds=10)
"""Less than this is nothing to speak of."""
_BETWEEN_LOOKS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Quiet:
    """For how long a saga has written nothing, in whole seconds, and until when its lease holds.

    ``lease_until`` is None where it runs without a lease.
    """

    seconds: int
    lease_until: datetime | None = None

    @property
    def words(self) -> tuple[str, str]:
        """Each in words; the second is empty where it runs without a lease."""
        lease = f"; its lease holds until {self._clock}" if self._clock else ""
        return f"nothing written for {self.seconds} s", lease

    @property
    def short_words(self) -> tuple[str, str]:
        """Each in as few words as can be understood."""
        return f"silent {self.seconds} s", f", lease to {self._clock}" if self._clock else ""

    @property
    def _clock(self) -> str:
        return f"{in_zone(self.lease_until):%H:%M:%S}" if self.lease_until else ""


async def quiet_of(storage: SnapshotStorage, saga: SagaSummary) -> Quiet | None:
    """Return how quiet a saga is; None: it has ended, or has written not long ago.

    Raises:
        StorageError: the store cannot be read now.
    """
    if saga.status not in ("executing", "compensating"):
        return None
    family = await storage.get_family(saga.root_id)
    if family is None:
        return None
    silence = from_micros(family.now) - saga.updated_at
    if silence < LONG:
        return None
    until = family.alive_until if family.held and family.holder == saga.saga_id else None
    return Quiet(int(silence.total_seconds()), None if until is None else from_micros(until))


class QuietWatch:
    """Looks each second at whether a session's saga is quiet.

    Args:
        tell: called with how quiet it is, when that has changed.
    """

    def __init__(
        self,
        storage: SnapshotStorage,
        session: SagaSession,
        tell: Callable[[Quiet | None], None],
    ) -> None:
        self._storage = storage
        self._session = session
        self._tell = tell

    async def run(self) -> None:
        """Go on until cancelled; it can be run again afterwards."""
        told: Quiet | None = None
        while True:
            view = self._session.view
            try:
                quiet = await quiet_of(self._storage, view.saga) if view is not None else None
            except StorageError:
                # The title says that the store is out of reach.
                quiet = None
            if quiet != told:
                told = quiet
                self._tell(quiet)
            await asyncio.sleep(_BETWEEN_LOOKS)
