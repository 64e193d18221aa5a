"""A little shop whose steps leave a line each in a ledger file, and wait where a test says so."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from sagaz_core import Saga
from sagaz_core.saga.context import StepContext


def enter(effect: str, ctx: StepContext) -> None:
    """Write one line to the ledger, in one system call, so that no line is torn."""
    line = f"{effect} {ctx['order_id']} {ctx.saga_id}\n".encode()
    descriptor = os.open("ledger.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


async def gateway_answers() -> None:
    """Wait until the file ``gateway-answers`` is there."""
    while True:
        if Path("gateway-answers").exists():
            return
        await asyncio.sleep(0.01)


class GatewayDownError(Exception):
    """The payment gateway does not answer."""


class ShopSaga(Saga):
    """Reserve, charge, ship; the gateway is up once the file ``gateway-up`` is there."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge, self.refund)
        await self.add_step("ship", self.ship)

    async def reserve(self, ctx: StepContext) -> dict[str, Any]:
        enter("reserved", ctx)
        return {"reservation": f"rsv-{ctx['order_id']}"}

    async def release(self, result: dict[str, Any], ctx: StepContext) -> None:
        enter("released", ctx)

    async def charge(self, ctx: StepContext) -> dict[str, Any]:
        if not Path("gateway-up").exists():
            raise GatewayDownError("the gateway does not answer")
        enter("charged", ctx)
        await gateway_answers()
        return {"charge": f"ch-{ctx['order_id']}"}

    async def refund(self, result: dict[str, Any], ctx: StepContext) -> None:
        enter("refunded", ctx)

    async def ship(self, ctx: StepContext) -> None:
        enter("shipped", ctx)
