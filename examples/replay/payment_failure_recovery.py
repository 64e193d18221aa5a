"""A payment fails in an outage. The order is replayed through the backup gateway.

python examples/replay/payment_failure_recovery.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from sagaz_core import Saga, SagaReplay
from sagaz_core.history.compare import compare
from sagaz_core.storage.backends import SQLiteSnapshotStorage

GATEWAYS_THAT_ANSWER = {"backup.example.com"}


class Order(Saga):
    """Takes an order in three steps. The first two can be undone."""

    async def build(self) -> None:
        await self.add_step("reserve_inventory", self.reserve, self.release)
        await self.add_step("charge_payment", self.charge, self.refund)
        await self.add_step("ship_order", self.ship)

    async def reserve(self, ctx: Any) -> dict[str, str]:
        print(f"    {ctx['quantity']} × {ctx['item']} reserved")
        return {"reservation": f"rsv-{ctx.saga_id}"}

    async def release(self, result: dict[str, str], ctx: Any) -> None:
        print(f"    {result['reservation']} released")

    async def charge(self, ctx: Any) -> dict[str, str]:
        if ctx["gateway"] not in GATEWAYS_THAT_ANSWER:
            raise ConnectionError(f"{ctx['gateway']} does not answer")
        # A gateway that is given this key takes the money once, however often it is asked.
        print(f"    {ctx['amount']} charged, idempotency key {ctx.idempotency_key}")
        return {"charge": f"chg-{ctx.saga_id}"}

    async def refund(self, result: dict[str, str], ctx: Any) -> None:
        print(f"    {result['charge']} refunded")

    async def ship(self, ctx: Any) -> None:
        print(f"    {ctx['item']} shipped")


async def main(folder: Path) -> None:
    """Let an order fail, plan its replay, run it, and set the two runs side by side."""
    async with SQLiteSnapshotStorage(folder / "orders.db") as storage:
        order = {"item": "lamp", "quantity": 2, "amount": 99.9, "gateway": "gateway.example.com"}

        print("1. The gateway is down")
        failed = await Order(order, saga_id="order_8841", snapshot_storage=storage).execute()
        print(f"  {failed.saga_id} {failed.status} at {failed.failed_step}: {failed.error}\n")

        print("2. What would a replay do? A dry run tells, and runs nothing")
        replay = SagaReplay("order_8841", storage)
        override = {"gateway": "backup.example.com"}
        dry = await replay.from_checkpoint(
            "charge_payment", context_override=override, dry_run=True
        )
        assert dry.plan is not None
        print(f"  the plan is {dry.status}")
        for step in dry.plan.steps:
            undone = f", for {step.undone_by} has undone it" if step.undone_by else ""
            print(f"  {step.name} {step.fate.replace('_', ' ')}{undone}")

        print("\n3. The replay, as a new saga")
        result = await replay.from_checkpoint(
            "charge_payment",
            context_override=override,
            reason="the gateway is down",
            plan_digest=dry.plan.digest,  # run exactly what was shown, or nothing
        )
        print(f"  {result.new_saga_id}: {result.status}\n")

        print("4. The original has not changed. Side by side")
        comparison = await compare(storage, "order_8841", result.new_saga_id or "")
        for both in comparison.steps:
            before, after = (
                run.outcome.replace("_", " ") if run else "" for run in (both.a, both.b)
            )
            print(f"  {both.name:<18} {before:<12} → {after}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
