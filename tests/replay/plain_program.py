"""A program that knows nothing of sagas: three functions, called one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sagaz_core.saga.recorder import SagaRecorder

DONE: list[str] = []
"""What really happened, in order."""


async def reserve(order: dict[str, Any]) -> str:
    DONE.append("reserve")
    order["reserved"] = True
    return "rsv-1"


async def charge(order: dict[str, Any]) -> str:
    if order["card"] != "good":
        raise PermissionError("the card was declined")
    DONE.append("charge")
    return "chg-1"


async def ship(order: dict[str, Any]) -> None:
    DONE.append("ship")
    order["shipped"] = True


STEPS: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
    "reserve": reserve,
    "charge": charge,
    "ship": ship,
}


async def fulfil(order: dict[str, Any], recorder: SagaRecorder, first: str = "reserve") -> None:
    """Do the steps from ``first`` on."""
    names = list(STEPS)
    for name in names[names.index(first) :]:
        async with recorder.step(name, order) as step:
            step.result = await STEPS[name](order)


class Fulfilment:
    """What lets it be replayed."""

    async def resume(self, context: dict[str, Any], from_step: str, recorder: SagaRecorder) -> None:
        await fulfil(context, recorder, from_step)


def fulfilment(_context: dict[str, Any]) -> Fulfilment:
    return Fulfilment()
