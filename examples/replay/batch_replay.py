"""An outage failed many orders. They are replayed as one batch, one order first, then the others.

python examples/replay/batch_replay.py
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from sagaz_core import BatchEvent, BatchReplay, BatchSelection, Saga, SnapshotStorage
from sagaz_core.storage.backends import SQLiteSnapshotStorage

ORDERS = 40
CHARGED: Counter[str] = Counter()
GATEWAY = {"is up": False}


class Order(Saga):
    """Reserves, charges and ships, as long as the gateway answers and the card is good."""

    async def build(self) -> None:
        await self.add_step("reserve_inventory", self.reserve, self.release)
        await self.add_step("charge_payment", self.charge, idempotent=True)
        await self.add_step("ship_order", self.ship)

    async def reserve(self, ctx: Any) -> None:
        ctx["reserved"] = True

    async def release(self, result: None, ctx: Any) -> None:
        ctx["reserved"] = False

    async def charge(self, ctx: Any) -> None:
        if not GATEWAY["is up"]:
            raise ConnectionError("the gateway does not answer")
        if ctx["card"] == "expired":
            raise PermissionError("the card has expired")
        CHARGED[ctx["order_id"]] += 1

    async def ship(self, ctx: Any) -> None:
        ctx["shipped"] = True


async def have_an_outage(storage: SnapshotStorage) -> None:
    """Run all orders while the gateway is down."""
    for number in range(ORDERS):
        card = "expired" if number % 20 == 7 else "good"
        saga_id = f"order_{number:02}"
        order = {"order_id": saga_id, "card": card}
        await Order(order, saga_id=saga_id, snapshot_storage=storage).execute()


def tell(event: BatchEvent) -> None:
    """Print how far the batch is, at every tenth order."""
    if event.kind == "canary" and event.item is not None:
        print(f"  {event.item.saga_id} goes first; if it failed, the others would not run")
    elif event.kind == "item_ended" and event.done % 10 == 0:
        print(f"  {event.done} of {event.total} done")


async def main(folder: Path) -> None:
    """Choose the orders, look at what would happen, replay them, and see what is left."""
    async with SQLiteSnapshotStorage(folder / "orders.db") as storage:
        await have_an_outage(storage)
        GATEWAY["is up"] = True
        outage = BatchSelection(
            name="Order", failed_step="charge_payment", error="gateway does not answer"
        )
        batch = BatchReplay(storage, outage, reason="the gateway is back")

        print("1. What would a batch do?")
        preview = await batch.preview()
        print(f"  {preview.count} orders match, and {preview.runs} would run")
        for step, count in preview.by_step.items():
            print(f"  {count} from {step}")

        print("\n2. Replay them, eight at a time")
        report = await batch.run(concurrency=8, on_event=tell)

        print(f"\n3. {report.batch_id} is {report.status}")
        print(f"  {report.succeeded} succeeded, {report.failed} failed")
        for error, count in report.failed_by_error.items():
            print(f"  {count} × {error}")

        print("\n4. Those are all that the selection finds now. They get a new card")
        rest = BatchReplay(
            storage, outage, context_override={"card": "new"}, reason="customers were asked"
        )
        report = await rest.run()
        print(f"  {report.succeeded} of {report.total} succeeded")
        print(f"  orders charged: {len(CHARGED)}, each once: {set(CHARGED.values()) == {1}}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
