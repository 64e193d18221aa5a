"""A parcel that could not be paid, and its replay with another token, as a store has them."""

from __future__ import annotations

from typing import Any

from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage


class ReplayedParcel(Saga):
    """Weighs, charges and sends; an expired token is declined."""

    async def build(self) -> None:
        await self.add_step("weigh", self.weigh, self.unweigh)
        await self.add_step("charge", self.charge)
        await self.add_step("send", self.send)

    async def weigh(self, ctx: StepContext) -> dict[str, int]:
        return {"grams": 410}

    async def unweigh(self, result: Any, ctx: StepContext) -> None:
        pass

    async def charge(self, ctx: StepContext) -> dict[str, str]:
        if ctx["token"] == "expired":
            raise PermissionError("token expired")
        return {"paid_with": ctx["token"]}

    async def send(self, ctx: StepContext) -> None:
        ctx["tracking"] = "TR-1"


async def fail_parcel(storage: SnapshotStorage, saga_id: str = "parcel_1", **context: Any) -> None:
    """Record a parcel whose payment failed."""
    state = {"token": "expired", "to": "Basel", **context}
    await ReplayedParcel(state, saga_id=saga_id, snapshot_storage=storage).execute()


async def replay_parcel(
    storage: SnapshotStorage, saga_id: str = "parcel_1", token: str = "new", **how: Any
) -> str:
    """Replay it from the payment with another token, and return the replay's id."""
    replay = SagaReplay(saga_id, storage, initiated_by="ana")
    result = await replay.from_checkpoint("charge", context_override={"token": token}, **how)
    assert result.new_saga_id is not None
    return result.new_saga_id
