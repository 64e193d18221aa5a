"""Running the steps of a graph: each in a task of its own, as soon as it can start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sagaz_core.saga.graph import StepGraph
from sagaz_core.saga.step import Step


class Branches:
    """The tasks of a graph that runs."""

    def __init__(self, graph: StepGraph, perform: Callable[[Step], Awaitable[bool]]) -> None:
        """Prepare to call ``perform`` for each step; once one gives False, no more are begun."""
        self._graph = graph
        self._perform = perform
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._stopped = False
        self._cancelled = False

    async def run(self) -> None:
        """Return when nothing runs any more. Cancelled, it cancels what runs and waits for it."""
        self._start_ready()
        while self._tasks:
            try:
                await self._idle.wait()
            except asyncio.CancelledError:
                self._cancelled = self._stopped = True
                for task in self._tasks:
                    task.cancel()
        if self._cancelled:
            raise asyncio.CancelledError

    def _start_ready(self) -> None:
        for step in self._graph.take_ready():
            task = asyncio.create_task(self._run(step))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _run(self, step: Step) -> None:
        if not await self._perform(step):
            self._stopped = True
        if not self._stopped:
            self._graph.complete(step.name)
            self._start_ready()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            # By whomever: its step has not run, so the saga must not seem complete.
            self._cancelled = self._stopped = True
        if not self._tasks:
            self._idle.set()
