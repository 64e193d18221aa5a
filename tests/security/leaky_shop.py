"""A saga that handles five secrets as carelessly as real ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagaz_core import Saga
from sagaz_core.saga.context import StepContext

SECRETS = {
    "card": "4111-1111-1111-1111",
    "new card": "4222-2222-2222-2222",
    "new card of a batch": "4333-3333-3333-3333",
    "token": "tok_5a1d77c0ffee",
    "pin": "90817263",
    "password": "hunter2-hunter2",
}
FIELDS = ["card", "token", "password", "/customer/pin"]


class LeakyOrder(Saga):
    """Fails with the first card, and says all that it knows when it does."""

    async def build(self) -> None:
        await self.add_step("log_in", self._log_in, self._log_out)
        await self.add_step("charge", self._charge, max_retries=1, retry_backoff=0.001)

    async def _log_in(self, ctx: StepContext) -> dict[str, Any]:
        ctx["session"] = {"password": ctx["password"], "user": "ada"}
        return {"token": SECRETS["token"], "expires": 60}

    async def _log_out(self, result: dict[str, Any], ctx: StepContext) -> None:
        assert result["token"] == SECRETS["token"]

    async def _charge(self, ctx: StepContext) -> str:
        if ctx["card"] == SECRETS["card"]:
            raise ValueError(
                f"card {ctx['card']} of {ctx['customer']!r} refused; logged in with "
                f"{ctx['log_in']['token']} and {ctx['password']}"
            )
        Path("charged").write_text("yes")
        return "paid"


class LeakyParcel(LeakyOrder):
    """Fails with any card: a new one pays, and is told of once nothing can be shipped."""

    async def build(self) -> None:
        await super().build()
        await self.add_step("ship", self._ship)

    async def _ship(self, ctx: StepContext) -> None:
        own = Path("/proc/self")
        Path("process").write_bytes((own / "cmdline").read_bytes() + (own / "environ").read_bytes())
        raise ValueError(f"paid with {ctx['card']!r}, but {ctx['session']} has no address")


def start() -> dict[str, Any]:
    """Return a context that such an order begins with."""
    return {
        "order_id": "o1",
        "card": SECRETS["card"],
        "password": SECRETS["password"],
        "customer": {"name": "Ada", "pin": int(SECRETS["pin"])},
    }
