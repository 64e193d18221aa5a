"""Real sagas over a ledger of what really happened, for the tests of replays."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sagaz_core.config import SagaConfig
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage

PLACED_AT = datetime(2024, 12, 15, 10, 30, tzinfo=UTC)


class CardDeclinedError(Exception):
    """The card does not pay."""


class Ledger:
    """What the actions and compensations did in the world, in order."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, Any]] = []
        self.failing: set[str] = set()
        """Verbs that raise instead of happening."""
        self.gate: asyncio.Event | None = None
        """What a charge waits for; None: nothing."""
        self.waiting = asyncio.Event()
        """Set as soon as a charge waits."""

    def note(self, saga_id: str, verb: str, detail: Any = None) -> None:
        if verb in self.failing:
            raise ConnectionError(f"{verb} is down")
        self.entries.append((saga_id, verb, detail))

    def verbs(self, saga_id: str | None = None) -> list[str]:
        return [verb for saga, verb, _ in self.entries if saga_id in (None, saga)]

    def balance(self) -> dict[str, int]:
        """How many reservations, charges and shipments stand."""
        count = Counter(self.verbs())
        return {
            "reserved": count["reserve"] - count["release"],
            "charged": count["charge"] - count["refund"],
            "shipped": count["ship"],
        }


LEDGER = Ledger()
"""The one that sagas made without a factory write to; each test begins with a fresh one."""


class Shop(Saga):
    """Reserve, charge, ship; declines any token but one that starts with ``tok_new``."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge, self.refund)
        await self.add_step("ship", self.ship)

    async def reserve(self, ctx: StepContext) -> dict[str, Any]:
        LEDGER.note(ctx.saga_id, "reserve")
        return {"reservation": f"rsv-{len(LEDGER.entries)}", "price": Decimal("9.90")}

    async def release(self, result: dict[str, Any], ctx: StepContext) -> None:
        LEDGER.note(ctx.saga_id, "release", result["reservation"])

    async def charge(self, ctx: StepContext) -> str:
        if LEDGER.gate is not None:
            LEDGER.waiting.set()
            await LEDGER.gate.wait()
        if not str(ctx["payment_token"]).startswith("tok_new"):
            raise CardDeclinedError("token expired")
        LEDGER.note(ctx.saga_id, "charge", ctx["amount"])
        return f"chg-{len(LEDGER.entries)}"

    async def refund(self, result: str, ctx: StepContext) -> None:
        LEDGER.note(ctx.saga_id, "refund", result)

    async def ship(self, ctx: StepContext) -> None:
        LEDGER.note(ctx.saga_id, "ship", ctx["reserve"]["reservation"])


def order(**changes: Any) -> dict[str, Any]:
    """Return an order whose token has expired, with values of types that JSON lacks."""
    return {
        "order_id": "8841",
        "amount": Decimal("99.90"),
        "placed_at": PLACED_AT,
        "route": ("north", 7),
        "cart": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}],
        "payment_token": "tok_old",
        **changes,
    }


async def run_order(
    storage: SnapshotStorage,
    saga_id: str = "order_1",
    *,
    saga_class: type[Saga] = Shop,
    config: SagaConfig | None = None,
    context: Mapping[str, Any] | None = None,
) -> str:
    """Run and record an order, which fails unless ``context`` says otherwise."""
    saga = saga_class(
        order() if context is None else context,
        saga_id=saga_id,
        snapshot_storage=storage,
        config=config,
    )
    await saga.execute()
    return saga_id


async def let_lapse(storage: SnapshotStorage, root_id: str = "order_1") -> None:
    """End the family's lease, as when its holder has given no sign for a term."""
    family = await storage.get_family(root_id)
    assert family is not None
    assert await storage.backend.beat(root_id, fence=family.fence, term=1)
    for _ in range(10_000):
        family = await storage.get_family(root_id)
        if family is not None and not family.held:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the lease of a microsecond has not lapsed")
