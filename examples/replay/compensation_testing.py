"""Does an order undo what it did? It is made to fail on purpose: first in a rehearsal, then really.

python examples/replay/compensation_testing.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from sagaz_core import Saga, SagaReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage

STOCK = {"lamp": 10}
PAID: dict[str, int] = {}


class Order(Saga):
    """Takes lamps off the shelf, takes the money, and ships."""

    async def build(self) -> None:
        await self.add_step("reserve_inventory", self.reserve, self.release)
        await self.add_step("charge_payment", self.charge, self.refund)
        await self.add_step("ship_order", self.ship)

    async def reserve(self, ctx: Any) -> dict[str, int]:
        STOCK["lamp"] -= ctx["quantity"]
        return {"taken": ctx["quantity"]}

    async def release(self, result: dict[str, int], ctx: Any) -> None:
        STOCK["lamp"] += result["taken"]

    async def charge(self, ctx: Any) -> dict[str, int]:
        PAID[ctx["customer"]] = ctx["amount"]
        return {"charged": ctx["amount"]}

    async def refund(self, result: dict[str, int], ctx: Any) -> None:
        PAID[ctx["customer"]] -= result["charged"]

    async def ship(self, ctx: Any) -> None:
        pass


def show_world() -> None:
    """Print what the steps have done to the world."""
    print(f"  on the shelf: {STOCK['lamp']} lamps; paid: {PAID}\n")


async def main(folder: Path) -> None:
    """Rehearse a failure, see that nothing has happened; then let one happen."""
    async with SQLiteSnapshotStorage(folder / "orders.db") as storage:
        order = {"customer": "ada", "quantity": 2, "amount": 80}

        print("1. An order that went well")
        await Order(order, saga_id="order_1", snapshot_storage=storage).execute()
        show_world()

        print("2. A rehearsal of its failure: no action and no compensation is called")
        replay = SagaReplay("order_1", storage)
        rehearsed = await replay.from_checkpoint(
            "reserve_inventory", simulate=True, force_failure="ship_order"
        )
        assert rehearsed.rehearsal is not None
        for step in rehearsed.rehearsal.steps:
            undone = ", and would be undone" if step.undone else ""
            print(f"  {step.name}: {step.outcome}{undone}")
        print(f"  compensation: {rehearsed.compensation}")
        show_world()

        print("3. Now really: it fails instead of shipping, and undoes the rest")
        forced = await replay.from_checkpoint(
            "ship_order", force_failure=True, reason="does the rollback work?"
        )
        print(f"  {forced.new_saga_id} {forced.status}; compensation: {forced.compensation}")
        show_world()
        assert STOCK == {"lamp": 10}, "every lamp is back on the shelf"
        assert PAID == {"ada": 0}, "the money is given back"

        print("4. The order is wanted after all: what was undone runs again")
        again = await SagaReplay(forced.new_saga_id or "", storage).from_checkpoint("ship_order")
        print(f"  {again.new_saga_id}: {again.status}")
        show_world()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
