"""Orders that two processes replay at the same moment, over a ledger that they share."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage

LEDGER = Path("ledger.txt")
"""One line for each effect, in the folder where the processes run."""


class RacedOrder(Saga):
    """Reserves, charges and ships; where its context says so, ships only once it is let."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge, self.refund)
        await self.add_step("ship", self.ship)

    async def reserve(self, ctx: StepContext) -> None:
        _note("reserve", ctx)

    async def release(self, _result: None, ctx: StepContext) -> None:
        _note("release", ctx)

    async def charge(self, ctx: StepContext) -> None:
        if ctx["token"] != "good":
            raise PermissionError("declined")
        _note("charge", ctx)

    async def refund(self, _result: None, ctx: StepContext) -> None:
        _note("refund", ctx)

    async def ship(self, ctx: StepContext) -> None:
        for _ in range(60_000 if ctx["waits"] else 0):
            if let_go(ctx["order"]).exists():
                break
            await asyncio.sleep(0.001)
        _note("ship", ctx)


def let_go(order: str) -> Path:
    """Return the file that lets an order that waits be shipped."""
    return Path(f"{order}.let-go")


async def record_failed(storage: SnapshotStorage, order: str, *, waits: bool) -> None:
    """Record an order whose charge was declined."""
    context: dict[str, Any] = {"order": order, "token": "bad", "waits": waits}
    await RacedOrder(context, saga_id=order, snapshot_storage=storage).execute()


def standing(order: str) -> Counter[str]:
    """Return how many of each effect an order has now."""
    found = Counter(
        verb
        for line in LEDGER.read_text().splitlines()
        for verb, of in [line.split()]
        if of == order
    )
    return Counter(
        reserve=found["reserve"] - found["release"],
        charge=found["charge"] - found["refund"],
        ship=found["ship"],
    )


def _note(verb: str, ctx: StepContext) -> None:
    """Write a line in one system call, so that none is torn."""
    descriptor = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{verb} {ctx['order']}\n".encode())
    finally:
        os.close(descriptor)
