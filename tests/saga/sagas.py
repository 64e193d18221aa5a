"""Sagas for the tests: a ledger of what really happened, and gates where they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import Append, Outcome

Build = Callable[[Any], Awaitable[None]]


class Built(Saga):
    """A saga whose steps are added by a function given to it."""

    def __init__(self, build: Build, context: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(context, **kwargs)
        self._build_with = build

    async def build(self) -> None:
        await self._build_with(self)


class Ledger(list[str]):
    """What was done and undone, in order."""

    def does(self, name: str, result: Any = None) -> Callable[[Any], Awaitable[Any]]:
        """Return an action that writes ``name``."""

        async def action(ctx: Any) -> Any:
            self.append(name)
            return result

        return action

    def undoes(self, name: str) -> Callable[[Any, Any], Awaitable[None]]:
        """Return a compensation that writes ``-name``."""

        async def compensation(result: Any, ctx: Any) -> None:
            self.append(f"-{name}")

        return compensation

    def fails(
        self, name: str, error: BaseException | None = None
    ) -> Callable[..., Awaitable[None]]:
        """Return an action or compensation that writes ``name!`` and raises."""

        async def action(*arguments: Any) -> None:
            self.append(f"{name}!")
            raise error or RuntimeError(f"{name} broke")

        return action


class Gate:
    """A place in a run where the test waits for it, and it for the test."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.opened.wait()


class GatedBackend(MemoryBackend):
    """A store of which one write, the ``gated``-th, waits for the test."""

    def __init__(self, gated: int) -> None:
        super().__init__()
        self.gate = Gate()
        self.left = gated

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        self.left -= 1
        if self.left == 0:
            await self.gate.pass_through()
        return await super().append(appends)
