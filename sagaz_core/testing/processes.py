"""What must hold between processes, for a store that more than one can reach."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from sagaz_core.testing.base import PATIENCE, ContractBase
from sagaz_core.testing.two_writers import Job, TwoWritersContract


class ProcessContract(TwoWritersContract):
    """Of two processes that append to one saga at once, one wins each number, and hears of it.

    The contract itself is sent to them, to make their backends: what a subclass keeps on itself
    can be pickled, and its module can be imported.
    """

    async def both(self, place: Path, job: Job) -> list[list[Any]]:
        """Let two processes do a job at once and return what each came back with."""
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            2, context, initializer=_bring_barrier, initargs=(context.Barrier(2),)
        ) as pool:
            loop = asyncio.get_running_loop()
            jobs = (
                loop.run_in_executor(pool, _do, self, place, job, number) for number in range(2)
            )
            return await asyncio.gather(*jobs)


_barrier: Barrier


def _bring_barrier(barrier: Barrier) -> None:
    """Keep what can only be handed to a process when it begins."""
    global _barrier
    _barrier = barrier


def _do(contract: ContractBase, place: Path, job: Job, number: int) -> list[Any]:
    async def meet() -> None:
        _barrier.wait(PATIENCE)

    return asyncio.run(job(contract.make_backend(place), number, meet))
