"""A small shop whose sagas the commands look at and replay."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sagaz_core.config import Backoff
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage

AT_ONCE = Backoff(initial=0)
HOSTILE = "\x1b]0;owned\x07\u202e[bold]\n"
HOSTILE_ID = "../*%{}[red]"


class Order(Saga):
    """Reserves, charges and ships; the token ``tok_expired`` is declined."""

    async def build(self) -> None:
        await self.add_step("reserve", self._reserve, self._release)
        await self.add_step("charge", self._charge, max_retries=1, retry_backoff=AT_ONCE)
        await self.add_step("ship", self._ship)

    async def _reserve(self, ctx: Any) -> dict[str, Any]:
        ctx["lines"] = [*ctx["lines"], {"sku": "B", "qty": 1}]
        if "note" in ctx:
            ctx["echo"] = ctx["note"]
        return {"reservation": "rsv_1"}

    async def _release(self, result: dict[str, Any], ctx: Any) -> None:
        assert result == {"reservation": "rsv_1"}

    async def _charge(self, ctx: Any) -> None:
        if ctx["payment_token"] == "tok_expired":
            raise PermissionError("token expired")
        ctx["charged"] = ctx["amount"]

    async def _ship(self, ctx: Any) -> dict[str, Any]:
        if ctx["amount"] > 1000:
            raise ValueError(HOSTILE)
        return {"tracking": "trk_1"}


def order(token: str = "tok_expired", **more: Any) -> dict[str, Any]:
    """Return the context of an order that fails by its token."""
    return {
        "amount": Decimal("99.90"),
        "lines": [{"sku": "A", "qty": 2}],
        "payment_token": token,
        "placed_at": datetime(2024, 12, 15, 10, 30, tzinfo=UTC),
        "size": (30, 20),
        **more,
    }


async def record_shop(path: Path) -> None:
    """Record a failed order, a completed one and a hostile one into a new store."""
    async with SQLiteSnapshotStorage(path) as store:
        for saga_id, context in (
            (HOSTILE_ID, order("tok_good", amount=Decimal(5000), note=HOSTILE, **{HOSTILE: 1})),
            ("order_2", order("tok_good")),
            ("order_1", order()),
        ):
            await Order(context, saga_id=saga_id, snapshot_storage=store).execute()
