"""Orders that need a gateway which answers, and a patient's consent, for the usual patterns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagaz_core.model import SagaSnapshot
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage

DONE: list[str] = []
"""What really happened, in order."""


class Purchase(Saga):
    """Reserves, charges and ships; ``main`` is a gateway that is down."""

    async def build(self) -> None:
        await self.add_step("reserve_inventory", self._reserve, self._release)
        await self.add_step("charge_payment", self._charge, self._refund)
        await self.add_step("ship_order", self._ship)

    async def _reserve(self, ctx: Any) -> dict[str, str]:
        DONE.append("reserved")
        return {"reservation": ctx["order_id"]}

    async def _release(self, result: dict[str, str], ctx: Any) -> None:
        DONE.append(f"released {result['reservation']}")

    async def _charge(self, ctx: Any) -> str:
        if ctx["payment_gateway"] == "main":
            raise ConnectionError("the gateway is down")
        DONE.append(f"charged {ctx['order_id']}")
        return "chg"

    async def _refund(self, result: str, ctx: Any) -> None:
        DONE.append(f"refunded {ctx['order_id']}")

    async def _ship(self, ctx: Any) -> None:
        DONE.append(f"shipped {ctx['order_id']}")


class ConnectedPurchase(Purchase):
    """A purchase that pays through a connection of its own."""

    def __init__(self, context: Any, *, payment: Any) -> None:
        super().__init__(context=context)
        self.payment = payment

    async def _charge(self, ctx: Any) -> str:
        DONE.append(f"charged {ctx['order_id']} through {self.payment}")
        return "chg"


async def create_purchase(context: dict[str, Any]) -> ConnectedPurchase:
    """Make a purchase with what it needs, as a factory does."""
    return ConnectedPurchase(context, payment="a connection")


async def record_patterns(path: Path) -> None:
    """Record three failed orders, one that went well, and a consent of 2024."""
    async with SQLiteSnapshotStorage(path) as store:
        for saga_id, gateway in (
            *((f"order_{number}", "main") for number in range(3)),
            ("order_good", "backup"),
        ):
            context = {"order_id": saga_id, "amount": 99.9, "payment_gateway": gateway}
            await Purchase(context, saga_id=saga_id, snapshot_storage=store).execute()
        await store.save_snapshot(
            SagaSnapshot(
                saga_id="patient-consent-789",
                saga_name="PatientConsent",
                context={"patient_id": "p-7", "consent_status": "given"},
                created_at=datetime(2024, 7, 1, tzinfo=UTC),
            )
        )
