"""Many orders that failed while a gateway was down, and the ledger of all that was done for them.

Each call of an outside service is one line of the ledger. A service that honours the key of a
call does nothing at a second call with the same one.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagaz_core import Saga
from sagaz_core.saga.context import StepContext

LEDGER = "ledger.txt"
ANSWERS = "gateway-answers"


class OrderGatewayDownError(Exception):
    """The payment gateway does not answer."""


class PaidOnceSaga(Saga):
    """Reserves, charges and ships by services that honour the key of each call.

    The gateway is up once the file ``gateway-answers`` is there, and answers as many calls as it
    says; of a later one it takes the money, and answers when the file says more.
    """

    honoured = True

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release, idempotent=True)
        await self.add_step("charge", self.charge, self.refund, idempotent=self.honoured)
        await self.add_step("ship", self.ship, idempotent=True)

    async def reserve(self, ctx: StepContext) -> dict[str, Any]:
        _enter("reserve", ctx)
        return {"reservation": ctx["order_id"]}

    async def release(self, result: dict[str, Any], ctx: StepContext) -> None:
        _enter("release", ctx)

    async def charge(self, ctx: StepContext) -> dict[str, Any]:
        if not Path(ANSWERS).exists():
            raise OrderGatewayDownError(f"no answer about {ctx['order_id']}")
        _enter("charge", ctx)
        place = Path(LEDGER).read_bytes().count(b"charge ")
        if place > _answers():
            _enter("stalled", ctx)
        await _answered(place)
        return {"gateway": ctx["gateway"]}

    async def refund(self, result: dict[str, Any], ctx: StepContext) -> None:
        _enter("refund", ctx)

    async def ship(self, ctx: StepContext) -> None:
        _enter("ship", ctx)


class PaidPerCallSaga(PaidOnceSaga):
    """The same with a gateway that takes the money again at every call."""

    honoured = False


async def _answered(place: int) -> None:
    """Wait until the gateway answers the call that came at this place."""
    while True:
        if place <= _answers():
            return
        await asyncio.sleep(0.01)


def _answers() -> int:
    return int(Path(ANSWERS).read_text())


def let_answer(folder: Path, count: int) -> None:
    """Have the gateway answer so many calls, of those that were made already too."""
    new = folder / f"{ANSWERS}.new"
    new.write_text(str(count))
    new.rename(folder / ANSWERS)


def _enter(effect: str, ctx: StepContext) -> None:
    """Write a line in one system call, so that none is torn."""
    line = f"{effect} {ctx['order_id']} {ctx.saga_id} {os.getpid()} {ctx.idempotency_key}\n"
    descriptor = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Call:
    """One line of the ledger."""

    effect: str
    order_id: str
    saga_id: str
    pid: int
    key: str


def calls(folder: Path) -> list[Call]:
    """Every call that was made so far."""
    lines = (folder / LEDGER).read_text().splitlines()
    rows = [line.split(" ", 4) for line in lines]
    return [Call(effect, order, saga, int(pid), key) for effect, order, saga, pid, key in rows]


def times(made: list[Call], effect: str, *, honoured: bool = True) -> Counter[str]:
    """How many times an effect was had for each order."""
    if not honoured:
        return Counter(call.order_id for call in made if call.effect == effect)
    return Counter(order for order, _ in {(c.order_id, c.key) for c in made if c.effect == effect})
