"""The demo shop's sagas. Each fails, or not, by what its own context says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sagaz_core.config import Backoff, SagaConfig
from sagaz_core.saga.saga import Saga
from sagaz_tui.demo.ledger import Effect, Ledger

QUICKLY = Backoff(initial=0.002, maximum=0.01)


class GatewayTimeout(Exception):  # noqa: N818 - named as payment providers name it
    """The payment gateway did not answer."""


class CardDeclined(Exception):  # noqa: N818
    """The payment gateway answered, and said no."""


class OutOfStock(Exception):  # noqa: N818
    """There is less in the warehouse than was ordered."""


class CarrierDown(Exception):  # noqa: N818
    """The carrier takes no parcels."""


class ShopSaga(Saga):
    """What the shop's sagas have in common: a ledger that their effects go to."""

    def __init__(
        self,
        context: dict[str, Any] | None = None,
        *,
        ledger: Ledger | None = None,
        **options: Any,
    ) -> None:
        """Take ``ledger``, by default the one in the current folder, and what a saga takes."""
        super().__init__(context, **options)
        self._ledger = ledger or Ledger()

    def _note(self, ctx: Any, effect: str, *, qty: int = 0, amount: Decimal = Decimal(0)) -> None:
        self._ledger.record(
            Effect(
                order_id=ctx["order_id"],
                effect=effect,
                saga_id=ctx.saga_id,
                idempotency_key=ctx.idempotency_key,
                qty=qty,
                amount=amount,
            )
        )


class OrderSaga(ShopSaga):
    """An order: hold the stock, take the money, send the parcel.

    The context holds ``order_id``, ``cart`` with its ``lines``, ``amount`` and
    ``payment_token``. A token that is no ``tok_…`` or has expired is declined.
    """

    async def build(self) -> None:
        """Three steps, one after another; shipping cannot be undone."""
        await self.add_step(
            "reserve_inventory", self._reserve, self._release, retry_backoff=QUICKLY
        )
        await self.add_step(
            "charge_payment", self._charge, self._refund, max_retries=2, retry_backoff=QUICKLY
        )
        await self.add_step("ship_order", self._ship, retry_backoff=QUICKLY)

    def _reserve(self, ctx: Any) -> dict[str, Any]:
        lines = ctx["cart"]["lines"]
        for line in lines:
            if line["qty"] > line["in_stock"]:
                raise OutOfStock(
                    f"{line['sku']}: {line['qty']} ordered, {line['in_stock']} in stock"
                )
        qty = sum(line["qty"] for line in lines)
        self._note(ctx, "reserved", qty=qty)
        ctx["stock_held_until"] = ctx["placed_at"] + timedelta(hours=2)
        return {"reservation_id": f"rsv_{ctx['order_id'].removeprefix('order_')}", "qty": qty}

    def _release(self, result: dict[str, Any], ctx: Any) -> None:
        self._note(ctx, "released", qty=result["qty"])

    def _charge(self, ctx: Any) -> dict[str, Any]:
        token = ctx["payment_token"]
        if token == "tok_slow":
            raise GatewayTimeout(f"gateway timeout after 30s for {ctx['order_id']}")
        if token == "tok_expired" or not token.startswith("tok_"):
            raise CardDeclined("token expired")
        self._note(ctx, "charged", amount=ctx["amount"])
        return {"charge_id": f"ch_{ctx['order_id'].removeprefix('order_')}", "token": token}

    def _refund(self, result: dict[str, Any], ctx: Any) -> None:
        if ctx.get("refunds_blocked"):
            raise GatewayTimeout(f"refund of {result['charge_id']} timed out after 30s")
        self._note(ctx, "refunded", amount=ctx["amount"])

    def _ship(self, ctx: Any) -> dict[str, Any]:
        if ctx.get("carrier") == "storm_express":
            raise CarrierDown("503 from storm_express: no parcels today")
        self._note(ctx, "shipped", qty=ctx["reserve_inventory"]["qty"])
        ctx["status_mail"] = f"Order {ctx['order_id']} is on its way"
        return {"tracking": f"trk_{ctx['order_id'].removeprefix('order_')}"}


class QuoteSaga(ShopSaga):
    """A quote for a large order: three inquiries at the same time, then one offer."""

    async def build(self) -> None:
        """A graph: ``send_offer`` waits for the three that run side by side."""
        await self.add_step("check_fraud", self._check_fraud, depends_on=[])
        await self.add_step("check_stock", self._check_stock, self._release, depends_on=[])
        await self.add_step("quote_freight", self._quote_freight, depends_on=[])
        await self.add_step(
            "send_offer",
            self._send_offer,
            depends_on=["check_fraud", "check_stock", "quote_freight"],
        )

    async def _check_fraud(self, ctx: Any) -> dict[str, Any]:
        await asyncio.sleep(0.03)
        return {"score": Decimal("0.07"), "rules": ("velocity", "address")}

    async def _check_stock(self, ctx: Any) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        await asyncio.to_thread(self._note, ctx, "reserved", qty=ctx["qty"])
        return {"held": ctx["qty"]}

    def _release(self, result: dict[str, Any], ctx: Any) -> None:
        self._note(ctx, "released", qty=result["held"])

    async def _quote_freight(self, ctx: Any) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"price": Decimal("148.50"), "days": 4}

    async def _send_offer(self, ctx: Any) -> None:
        ctx["offer"] = {
            "total": ctx["amount"] + ctx["quote_freight"]["price"],
            "valid_until": ctx["placed_at"] + timedelta(days=14),
        }


class ImportSaga(Saga):
    """A catalogue import in sixty steps; its totals change with every one."""

    STEPS = 60

    async def build(self) -> None:
        """One step a file, in order."""
        for number in range(1, self.STEPS + 1):
            await self.add_step(f"import_file_{number:02d}", self._import_file)

    async def _import_file(self, ctx: Any) -> None:
        number = int(ctx.step.rsplit("_", 1)[1])
        ctx["cursor"] = f"catalogue/{number:04d}.csv"
        ctx["rows"] += 40 + number * 7 % 13
        if number % 5 == 0:
            ctx["skipped"].append({"file": ctx["cursor"], "row": number * 3, "why": "no price"})
        if number % 12 == 0:
            ctx["exchange_rate"] = Decimal("1.0800") + Decimal(number) / 10_000
        if number == 30:
            ctx["phase"] = "prices"


RECORDED = SagaConfig(app_version="demo-shop 1.4.2")
"""What the demo's sagas run with: recorded before each step, for thirty days."""
