"""An order whose steps, errors and prints try to act on the terminal, and which can be replayed."""

from __future__ import annotations

from typing import Any

from sagaz_core import Saga
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.storage import SnapshotStorage
from tests.security.hostile import EVIL, PRINTED


class HostileOrder(Saga):
    """Fails unless it is ``paid``."""

    async def build(self) -> None:
        await self.add_step(f"a{PRINTED}", self._first, self._undo)
        await self.add_step(PRINTED, self._second, simulate=self._second)

    async def _first(self, ctx: StepContext) -> dict[str, Any]:
        ctx[f"new{EVIL}"] = EVIL
        return {EVIL: [EVIL]}

    async def _undo(self, result: Any, ctx: StepContext) -> None:
        assert result == {EVIL: [EVIL]}

    async def _second(self, ctx: StepContext) -> str:
        if not ctx["paid"]:
            raise ValueError(EVIL)
        return EVIL


async def fail_hostile(storage: SnapshotStorage, *saga_ids: str) -> None:
    """Record such orders, which are not paid."""
    for saga_id in saga_ids:
        context = {"paid": False, EVIL: EVIL}
        await HostileOrder(context, saga_id=saga_id, snapshot_storage=storage).execute()
