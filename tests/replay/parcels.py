"""Sagas whose every action and compensation raises once the world is closed, for rehearsals."""

from __future__ import annotations

from typing import Any

from sagaz_core.saga.saga import Saga

WORLD: dict[str, bool] = {"closed": False}
"""Whether anything that really happens is an error."""


def happen() -> None:
    """Stand for an effect."""
    if WORLD["closed"]:
        raise AssertionError("a real action or compensation was called")


class Parcel(Saga):
    """Pack, weigh, pay and send; a parcel that is ``heavy`` cannot be sent."""

    async def build(self) -> None:
        await self.add_step("pack", self.pack, self.unpack)
        await self.add_step("weigh", self.weigh)
        await self.add_step("pay", self.pay, self.pay_back)
        await self.add_step("send", self.send)

    async def pack(self, ctx: Any) -> dict[str, Any]:
        happen()
        ctx["boxes"] = [{"size": ctx["size"]}]
        del ctx["loose"]
        return {"box": f"box of {ctx.saga_id}"}

    async def unpack(self, result: dict[str, Any], ctx: Any) -> None:
        happen()
        ctx["returned"] = result["box"]

    async def weigh(self, ctx: Any) -> None:
        happen()
        ctx["grams"] = 900

    async def pay(self, ctx: Any) -> str:
        happen()
        if ctx["card"] == "stolen":
            raise PermissionError("declined")
        ctx["paid"] = True
        return f"receipt of {ctx.saga_id}"

    async def pay_back(self, _result: str, ctx: Any) -> None:
        happen()
        ctx["paid"] = False

    async def send(self, ctx: Any) -> str:
        happen()
        if ctx["heavy"]:
            raise ValueError("too heavy")
        return f"track of {ctx.saga_id}"


def parcel(**changes: Any) -> dict[str, Any]:
    """Return what a parcel starts with: its card is declined."""
    return {"size": "S", "loose": True, "card": "stolen", "heavy": False, **changes}
